package main

import (
	"errors"
	"syscall"
	"time"
)

// slowResult is what the others feel of a member that stops reading: Windows[0] is before, the last while it does.
type slowResult struct {
	trafficResult
	// MemoryBefore and MemoryMost: resident memory of the server in bytes, before, and at most meanwhile.
	MemoryBefore int `json:"memoryBefore"`
	MemoryMost   int `json:"memoryMost"`
	// Meant is how many messages were meant for the slow one, Heard how many it found when it read again.
	Addressed uint64 `json:"addressed"`
	Received  uint64 `json:"received"`
	// Cut tells whether its line was closed, CloseCode what it was told, if anything.
	Cut       bool `json:"cut"`
	CloseCode int  `json:"closeCode"`
}

// memoryStep is how often the server's memory is looked at.
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
	heard := t.received[last].count
	t.drainBacklog(slow, result)
	result.Received = t.received[last].count - heard
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
	return nil, errors.New("nobody is there to stall")
}

// readUp reads what was kept for the slow one, until nothing has come for a second, the line ends, or it takes too long.
func (t *trafficRun) drainBacklog(c *conn, result *slowResult) {
	last, heard, end := time.Now(), t.delivered, time.Now().Add(5*time.Second)
	for ; time.Since(last) < time.Second && time.Now().Before(end); time.Sleep(100 * time.Microsecond) {
		if err := t.loop.read(c); err != nil {
			result.Cut = true
			var closed *closedError
			if errors.As(err, &closed) {
				result.CloseCode = closed.code
			}
			return
		}
		if t.delivered != heard {
			last, heard = time.Now(), t.delivered
		}
	}
}
