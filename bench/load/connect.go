package main

import "time"

// connectWarming is how many of the first paths connect and leave before the others are counted, and connectWarmings how often:
// a runtime compiles what it has to do often, for its first 10,000 connections or so, on the core that is measured.
// connectPause is what the server has to take leave of them.
const (
	connectWarming  = 1000
	connectWarmings = 15
	connectPause    = 300 * time.Millisecond
)

// connect counts how fast clients are let in, each with a path of its own; a client counts when it may speak.
func connect(j job) (*trafficResult, error) {
	t, err := newTraffic(j)
	if err != nil {
		return nil, err
	}
	ready := func() int { return t.ready }
	for i := 0; i < connectWarmings; i++ {
		if err := t.loop.open(0, connectWarming, ready); err != nil {
			return nil, err
		}
		t.loop.closeAll()
		if err := t.loop.runUntil(time.Now().Add(connectPause), func() bool { return false }); err != nil {
			return nil, err
		}
	}
	window, err := t.count(func() error { return t.loop.open(connectWarming, len(j.Paths), ready) })
	if err != nil {
		return nil, err
	}
	window.Answered = uint64(len(j.Paths) - connectWarming)
	return &trafficResult{counted: *window}, nil
}
