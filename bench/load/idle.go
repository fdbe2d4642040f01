package main

import "time"

// idleResult is the server's resident memory in bytes before and after the connections were opened.
type idleResult struct {
	Connections int `json:"connections"`
	Before      int `json:"before"`
	After       int `json:"after"`
}

// idleWarmup is how many connections are opened and closed before the first reading: code compiled and tables made for
// the first connections are not what one more costs.
const idleWarmup = 200

func idle(j job) (*idleResult, error) {
	t, err := newTraffic(j)
	if err != nil {
		return nil, err
	}
	l, ready := t.loop, func() int { return t.ready }
	if err := l.open(0, idleWarmup, ready); err != nil {
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

// Memory counts as settled when it moved by less than 0.2 % in two seconds, after at least four and at most fourteen:
// collectors give garbage back when a server has been quiet for a while.
const (
	settleLeast = 3 * time.Second
	settleMost  = 13 * time.Second
	settleStep  = 2 * time.Second
)

// settledMemory replies to pings until the server's memory is stable.
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
