package main

import (
	"math"
	"sort"
	"time"
)

// schedule is an open loop: messages are due at fixed times, whether or not earlier ones have come back, and senders take
// turns.
//
//	message      0    1    2  …  S    S+1 …      with S senders
//	sender       0    1    2  …  0    1
//	its number   1    1    1  …  2    2
//	due at       start + message ÷ rate
//
// A latency is counted from when its message was due: a server that stalls holds up the messages behind, and counting
// from when they could be sent at last would hide that.
type schedule struct {
	start   time.Time
	every   float64
	senders uint64
	// given is how many messages have been handed out.
	given uint64
	// from and to bound the counted messages: those that were due in the window, whenever they are received.
	from, to uint64
	// latencies of the received messages, and late: how long after they were due the load generator sent them.
	latencies, late latencies
}

func newSchedule(rate float64, senders, expected int) *schedule {
	return &schedule{start: time.Now(), every: float64(time.Second) / rate, senders: uint64(senders), to: math.MaxUint64,
		latencies: make(latencies, 0, expected), late: make(latencies, 0, expected)}
}

func (s *schedule) dueAt(message uint64) time.Time {
	return s.start.Add(time.Duration(float64(message) * s.every))
}

// next returns the sender of the next message, if one is due.
func (s *schedule) next(now time.Time) (sender int, late time.Duration, due bool) {
	late = now.Sub(s.dueAt(s.given))
	if late < 0 {
		return 0, 0, false
	}
	sender = int(s.given % s.senders)
	s.given++
	return sender, late, true
}

// received records that message n of a sender, counted from 1, was read.
func (s *schedule) received(sender int, n uint64, now time.Time) {
	message := (n-1)*s.senders + uint64(sender)
	if n > 0 && message >= s.from && message < s.to {
		s.latencies.add(now.Sub(s.dueAt(message)))
	}
}

// openWindow counts messages due from now on; closeWindow ends that, and returns their number.
func (s *schedule) openWindow() {
	s.from, s.to = s.given, math.MaxUint64
	s.latencies.forget()
	s.late.forget()
}

func (s *schedule) closeWindow() int {
	s.to = s.given
	return int(s.to - s.from)
}

// latencyResult is in milliseconds.
type latencyResult struct {
	P50   float64 `json:"p50"`
	P99   float64 `json:"p99"`
	P999  float64 `json:"p999"`
	Worst float64 `json:"worst"`
	Count int     `json:"count"`
	// SentLate is the p99 of the load generator's own delay after the due time.
	SentLate float64 `json:"sentLate"`
}

func (s *schedule) result() *latencyResult {
	if len(s.latencies) == 0 {
		return nil
	}
	s.latencies.sort()
	s.late.sort()
	return &latencyResult{P50: s.latencies.percentile(50), P99: s.latencies.percentile(99), P999: s.latencies.percentile(99.9),
		Worst: s.latencies.percentile(100), Count: len(s.latencies), SentLate: s.late.percentile(99)}
}

type latencies []time.Duration

func (l *latencies) add(d time.Duration) { *l = append(*l, d) }

func (l *latencies) forget() { *l = (*l)[:0] }

func (l latencies) sort() { sort.Slice(l, func(a, b int) bool { return l[a] < l[b] }) }

// percentile returns, in milliseconds, the smallest of the sorted values that so many in 100 do not exceed; 0 of none.
func (l latencies) percentile(share float64) float64 {
	if len(l) == 0 {
		return 0
	}
	// Tenths of a percent in whole numbers: 99.9 ÷ 100 is not a float64, and ceil would be one too high.
	tenths := int(share*10 + 0.5)
	return milliseconds(l[max(0, (len(l)*tenths+999)/1000-1)])
}
