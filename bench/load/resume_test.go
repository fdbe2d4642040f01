package main

import (
	"testing"
	"time"
)

func TestP99IsWhat99In100DoNotExceed(t *testing.T) {
	for _, c := range []struct {
		messages int
		want     float64
	}{{1, 1}, {100, 99}, {200, 198}, {250, 248}} {
		values := make([]time.Duration, c.messages)
		for i := range values {
			values[len(values)-1-i] = time.Duration(i+1) * time.Millisecond
		}
		if got := p99(values); got != c.want {
			t.Errorf("of %d: %v, want %v", c.messages, got, c.want)
		}
	}
}
