package main

import (
	"slices"
	"testing"
	"time"
)

func TestPercentileIsWhatSoManyDoNotExceed(t *testing.T) {
	for _, c := range []struct {
		messages    int
		share, want float64
	}{
		{1, 99, 1}, {100, 99, 99}, {200, 99, 198}, {250, 99, 248},
		{100, 50, 50}, {101, 50, 51}, {1000, 99.9, 999}, {1001, 99.9, 1000}, {999, 99.9, 999}, {10, 100, 10},
	} {
		var values latencies
		for i := 0; i < c.messages; i++ {
			values.add(time.Duration(c.messages-i) * time.Millisecond)
		}
		values.sort()
		if got := values.percentile(c.share); got != c.want {
			t.Errorf("%v %% of %d: %v, want %v", c.share, c.messages, got, c.want)
		}
	}
	if got := (latencies{}).percentile(99); got != 0 {
		t.Errorf("of none: %v", got)
	}
}

func TestScheduleHandsOutWhatIsDueInTurns(t *testing.T) {
	s := newSchedule(1000, 3, 0)
	at := func(ms float64) time.Time { return s.start.Add(time.Duration(ms * float64(time.Millisecond))) }
	if sender, late, due := s.next(at(0)); sender != 0 || late != 0 || !due {
		t.Errorf("the first: %d %v %v", sender, late, due)
	}
	if _, _, due := s.next(at(0.9)); due {
		t.Error("the second came before it was due")
	}
	// The load generator was suspended for a while: all messages due meanwhile are sent, with their real delay.
	for i, want := range []struct {
		sender int
		late   time.Duration
	}{{1, 3 * time.Millisecond}, {2, 2 * time.Millisecond}, {0, time.Millisecond}, {1, 0}} {
		if sender, late, due := s.next(at(4)); sender != want.sender || late != want.late || !due {
			t.Errorf("%d: %d %v %v, want %v", i, sender, late, due, want)
		}
	}
	if _, _, due := s.next(at(4)); due {
		t.Error("more came than was due")
	}
}

func TestLatencyIsCountedFromWhenAMessageWasDue(t *testing.T) {
	s := newSchedule(1000, 10, 0)
	// The second message of sender 3 is number 13 of all, due after 13 ms. It was sent at 20, and read at 21.
	s.received(3, 2, s.start.Add(21*time.Millisecond))
	s.received(0, 1, s.start.Add(1*time.Millisecond))
	// Messages due before or after the counted window do not count.
	s.from, s.to = 13, 14
	s.received(2, 2, s.start.Add(30*time.Millisecond))
	s.received(4, 2, s.start.Add(30*time.Millisecond))
	s.received(3, 2, s.start.Add(14*time.Millisecond))
	if got, want := s.latencies, (latencies{8 * time.Millisecond, time.Millisecond, time.Millisecond}); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
