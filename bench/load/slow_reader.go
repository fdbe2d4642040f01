package main

import (
	"errors"
	"syscall"
	"time"
)

// slowResult is the effect of a member that stops reading on the others: Windows[0] is before, the last while it does.
type slowResult struct {
	trafficResult
	// MemoryBefore and MemoryMost: resident memory of the server in bytes, before, and at most meanwhile.
	MemoryBefore int `json:"memoryBefore"`
	MemoryMost   int `json:"memoryMost"`
	// Addressed is the number of messages for the slow member, Received the number it got when it read again.
	Addressed uint64 `json:"addressed"`
	Received  uint64 `json:"received"`
	// Cut reports whether its connection was closed, CloseCode the code, if any.
	Cut       bool `json:"cut"`
	CloseCode int  `json:"closeCode"`
}

// memoryStep is the interval at which the server's memory is read.
const memoryStep = 100 * time.Millisecond

func slow(j job) (*slowResult, error) {
	t, err := newTraffic(j)
	if err != nil {
		return nil, err
	}
	if err := t.begin(); err != nil {
		return nil, err
	}
	result := &slowResult{}
	quiet, err := t.count(func() error { return t.runFor(seconds(j.Seconds)) })
	if err != nil {
		return nil, err
	}
	if result.MemoryBefore, err = serverMemory(j.Pid); err != nil {
		return nil, err
	}
	last := len(t.received) - 1
	slow, err := t.stall(last)
	if err != nil {
		return nil, err
	}
	before := t.senders[last/j.RoomSize].sent
	window, err := t.count(func() error {
		for end := time.Now().Add(2 * seconds(j.Seconds)); time.Now().Before(end); {
			if err := t.runFor(memoryStep); err != nil {
				return err
			}
			memory, err := serverMemory(j.Pid)
			if err != nil {
				return err
			}
			result.MemoryMost = max(result.MemoryMost, memory)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	result.counted, result.Windows = *window, []counted{*quiet, *window}
	if err := t.end(&result.deviations); err != nil {
		return nil, err
	}
	result.Addressed = t.senders[last/j.RoomSize].sent - before
	already := t.received[last].count
	t.drainBacklog(slow, result)
	result.Received = t.received[last].count - already
	return result, nil
}

// stall has one connection read no more. Its kernel's buffers stay as they are: made small, they would be emptied at a
// trickle afterwards.
func (t *trafficRun) stall(index int) (*conn, error) {
	t.stalled = index
	for _, c := range t.loop.conns {
		if c.index == index {
			return c, syscall.EpollCtl(t.loop.epoll, syscall.EPOLL_CTL_DEL, c.fd, nil)
		}
	}
	return nil, errors.New("no member is there to stall")
}

// readUp reads the messages kept for the slow member, until nothing has come for a second, the connection ends, or time
// is up.
func (t *trafficRun) drainBacklog(c *conn, result *slowResult) {
	last, delivered, end := time.Now(), t.delivered, time.Now().Add(5*time.Second)
	for ; time.Since(last) < time.Second && time.Now().Before(end); time.Sleep(100 * time.Microsecond) {
		if err := t.loop.read(c); err != nil {
			result.Cut = true
			var closed *closedError
			if errors.As(err, &closed) {
				result.CloseCode = closed.code
			}
			return
		}
		if t.delivered != delivered {
			last, delivered = time.Now(), t.delivered
		}
	}
}
