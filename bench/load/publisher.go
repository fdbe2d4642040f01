package main

import (
	"math/rand"
	"time"
)

// chunk answers a read: with one write by who keeps messages in flight, or with what the schedule asks of anybody.
func (t *trafficRun) chunk(c *conn) error {
	// Nobody speaks before everybody is there, or the first messages would miss members.
	if !t.sending {
		return nil
	}
	if t.schedule != nil {
		return t.sendDue()
	}
	if c.index >= len(t.received) {
		return nil
	}
	return t.send(c)
}

// send fills c's flight up again, with one write, if it is a sender.
func (t *trafficRun) send(c *conn) error {
	if c.index%t.job.RoomSize != 0 || !t.sending {
		return nil
	}
	s := &t.senders[c.index/t.job.RoomSize]
	s.batch = s.batch[:0]
	for s.sent-s.acked.count < uint64(t.job.InFlight) {
		s.sent++
		s.batch = s.template.appendTo(s.batch, s.sent)
	}
	if len(s.batch) == 0 {
		return nil
	}
	return c.write(s.batch)
}

// attend sends the messages due by the schedule. It is called after each read, so that the load generator's own work
// delays nothing.
func (t *trafficRun) sendDue() error {
	for {
		room, late, due := t.schedule.next(time.Now())
		if !due {
			return nil
		}
		t.schedule.late.add(late)
		s := &t.senders[room]
		s.sent++
		s.batch = s.template.appendTo(s.batch[:0], s.sent)
		if err := s.conn.write(s.batch); err != nil {
			return err
		}
		if err := t.loop.watch(s.conn); err != nil {
			return err
		}
	}
}

// expectedLatencies is how many a window brings, so that nothing is allocated in it.
func (t *trafficRun) expectedLatencies() int {
	return int(float64(t.job.Rate) * float64(t.job.RoomSize) * (t.job.Seconds + 1))
}

// text is a sender's text: letters and spaces, the same in every run.
func text(room, length int) string {
	random := rand.New(rand.NewSource(int64(room)))
	letters := make([]byte, length)
	for i := range letters {
		letters[i] = "etaoin shrdlu cmfwyp"[random.Intn(20)]
	}
	return string(letters)
}

func seconds(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }
