package main

import (
	"bytes"
	"fmt"
	"time"
)

// idleResult is the server's resident memory in bytes before and after the connections were opened.
type idleResult struct {
	Connections int `json:"connections"`
	Before      int `json:"before"`
	After       int `json:"after"`
}

// idleRun opens connections and says nothing. It is the loop's receiver.
type idleRun struct {
	job   job
	ready int
}

// rehearsal is how many connections are opened and closed before the first reading: code compiled and tables made for
// the first connections are not what one more costs.
const rehearsal = 200

func idle(j job) (*idleResult, error) {
	r := &idleRun{job: j}
	l, err := newLoop(j, r)
	if err != nil {
		return nil, err
	}
	ready := func() int { return r.ready }
	if err := l.open(0, rehearsal, ready); err != nil {
		return nil, err
	}
	l.closeAll()
	result := &idleResult{Connections: len(j.Paths)}
	if result.Before, err = settledMemory(l); err != nil {
		return nil, err
	}
	if err := l.open(0, len(j.Paths), ready); err != nil {
		return nil, err
	}
	result.After, err = settledMemory(l)
	return result, err
}

// Memory counts as settled when it moved by less than 0.2 % in two seconds, after at least five and at most twenty:
// collectors give garbage back when a server has been quiet for a while.
const (
	settleLeast = 5 * time.Second
	settleMost  = 20 * time.Second
	settleStep  = 2 * time.Second
)

// settledMemory answers pings until the server's memory stands still.
func settledMemory(l *loop) (int, error) {
	start, last := time.Now(), 0
	for {
		if err := l.runUntil(time.Now().Add(settleStep), func() bool { return false }); err != nil {
			return 0, err
		}
		memory, err := serverMemory(l.job.Pid)
		if err != nil {
			return 0, err
		}
		still := memory-last < memory/500 && last-memory < memory/500
		if waited := time.Since(start); waited > settleLeast && still || waited > settleMost {
			return memory, nil
		}
		last = memory
	}
}

func (r *idleRun) upgraded(*conn) error {
	if r.job.Protocol == protocolNone {
		r.ready++
	}
	return nil
}

func (r *idleRun) frame(c *conn, payload []byte) error {
	switch {
	case bytes.HasPrefix(payload, welcomeType):
		r.ready++
	case bytes.HasPrefix(payload, errorType):
		return fmt.Errorf("connection %d: %s", c.index, payload)
	}
	return nil
}

func (r *idleRun) chunk(*conn) error { return nil }
