package main

import (
	"errors"
	"time"
)

// connectWarmup is how many of the first paths connect and leave before the others are counted, and connectWarmupRounds how often:
// a runtime compiles what it has to do often, for its first 10,000 connections or so, on the core that is measured.
// connectPause is what the server has to take leave of them.
const (
	connectWarmup       = 1000
	connectWarmupRounds = 15
	connectPause        = 300 * time.Millisecond
)

// connect counts how fast clients are admitted, each with a path of its own; a client counts when it may send. With Seconds there
// are two windows: until all may, or a minute is over, and what they are sent after that.
func connect(j job) (*trafficResult, error) {
	t, err := newTraffic(j)
	if err != nil {
		return nil, err
	}
	ready := func() int { return t.ready }
	for i := 0; i < connectWarmupRounds; i++ {
		if err := t.loop.open(0, connectWarmup, ready); err != nil {
			return nil, err
		}
		t.loop.closeAll()
		if err := t.loop.runUntil(time.Now().Add(connectPause), func() bool { return false }); err != nil {
			return nil, err
		}
	}
	admitted := ready()
	window, err := t.count(func() error {
		err := t.loop.open(connectWarmup, len(j.Paths), ready)
		if late := (*lateError)(nil); j.Seconds > 0 && errors.As(err, &late) {
			return nil
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	window.Answered = uint64(ready() - admitted)
	result := &trafficResult{counted: *window}
	if j.Seconds > 0 {
		after, err := t.count(func() error { return t.runFor(seconds(j.Seconds)) })
		if err != nil {
			return nil, err
		}
		result.Windows = []counted{*window, *after}
	}
	return result, nil
}
