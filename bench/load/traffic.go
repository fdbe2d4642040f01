package main

import (
	"fmt"
	"math/rand"
	"time"
)

// counted is the result of one counting window. Rates are computed from it.
type counted struct {
	// Seconds of the window, messages answered (acked, or returned to their sender) and delivered in it.
	Seconds   float64 `json:"seconds"`
	Answered  uint64  `json:"answered"`
	Delivered uint64  `json:"delivered"`
	// Frames and Bytes that all connections received in it.
	Frames uint64 `json:"frames"`
	Bytes  uint64 `json:"bytes"`
	// LoadBusy, ServerBusy and StoreBusy are shares of one core, OthersBusy the rest of the machine meanwhile.
	LoadBusy   float64 `json:"loadBusy"`
	ServerBusy float64 `json:"serverBusy"`
	StoreBusy  float64 `json:"storeBusy"`
	OthersBusy float64 `json:"othersBusy"`
	// Latency of delivered messages, if they are sent on a schedule.
	Latency *latencyResult `json:"latency,omitempty"`
}

// deviations are of a whole run: warm-up and last messages included.
type deviations struct {
	Sent       uint64 `json:"sent"`
	Lost       uint64 `json:"lost"`
	Doubled    uint64 `json:"doubled"`
	OutOfOrder uint64 `json:"outOfOrder"`
}

// trafficResult is the result of one run: the last window, and all of them if there are several.
type trafficResult struct {
	counted
	deviations
	Windows []counted `json:"windows,omitempty"`
}

// sender is the first member of a room. It keeps inFlight messages pending, and follows a read with one write; or it
// sends on a schedule, which does not depend on what it receives.
type sender struct {
	template template
	sent     uint64
	// acked are the acks, or the sender's own messages from a relay.
	acked sequence
	batch []byte
	conn  *conn
}

// trafficRun is rooms in which one member sends and all of them receive; bystanders, the last paths, are alone in a
// room and silent. It is the loop's receiver.
type trafficRun struct {
	job   job
	loop  *loop
	ready int
	// sending is false while the last messages are awaited, and before the first.
	sending bool
	// senders by room, received by connection.
	senders  []sender
	received []sequence
	// answered and delivered in the whole run, as totals.
	answered, delivered uint64
	// prefix of every message id of this run.
	prefix string
	// schedule is nil where senders keep messages in flight.
	schedule *schedule
	// stalled is the index of the connection that stopped reading, −1 while all read.
	stalled int
	// Where the numbers are: seq in Parley's messages, the id in what a relay sends back, and in acks; offset in
	// Centrifuge's publications.
	seq, echoedID, ackedID, offset field
}

func newTraffic(j job) (*trafficRun, error) {
	members := len(j.Paths) - j.Bystanders
	t := &trafficRun{job: j, stalled: -1, senders: make([]sender, members/j.RoomSize), received: make([]sequence, members),
		seq: field{name: []byte(`"seq":`)}, echoedID: field{name: []byte(`"id":"`)}, ackedID: field{name: []byte(`"id":"`)},
		offset: field{name: []byte(`"offset":`)}}
	t.prefix = fmt.Sprintf("%08x", rand.New(rand.NewSource(time.Now().UnixNano())).Uint32())
	for room := range t.senders {
		t.senders[room] = sender{template: t.templateOf(room), acked: sequence{next: 1}}
	}
	for i := range t.received {
		t.received[i].next = 1
	}
	var err error
	t.loop, err = newLoop(j, t)
	return t, err
}

func (t *trafficRun) templateOf(room int) template {
	text := text(room, t.job.TextBytes)
	switch t.job.Protocol {
	case protocolCentrifuge:
		return publishTemplate(channelOf(t.job.Paths[room*t.job.RoomSize]), t.prefix, text)
	case protocolSocketIO:
		return eventTemplate(t.prefix, text)
	}
	return parleyTemplate(t.prefix, text)
}

// traffic counts in one window, or several in a row.
func traffic(j job) (*trafficResult, error) {
	t, err := newTraffic(j)
	if err != nil {
		return nil, err
	}
	if err := t.begin(); err != nil {
		return nil, err
	}
	result := &trafficResult{}
	for i := 0; i < max(1, j.Windows); i++ {
		window, err := t.count(func() error { return t.runFor(seconds(j.Seconds)) })
		if err != nil {
			return nil, err
		}
		result.counted = *window
		if j.Windows > 1 {
			result.Windows = append(result.Windows, *window)
		}
	}
	err = t.end(&result.deviations)
	return result, err
}

// begin opens all connections and sends for as long as the warm-up takes.
func (t *trafficRun) begin() error {
	if err := t.loop.open(0, len(t.job.Paths), func() int { return t.ready }); err != nil {
		return err
	}
	for _, c := range t.loop.conns {
		if c.index < len(t.received) && c.index%t.job.RoomSize == 0 {
			t.senders[c.index/t.job.RoomSize].conn = c
		}
	}
	if t.job.Settle {
		if err := t.settle(); err != nil {
			return err
		}
	}
	t.sending = true
	if t.job.Rate > 0 {
		t.schedule = newSchedule(float64(t.job.Rate), len(t.senders), t.expectedLatencies())
	} else {
		for i := range t.senders {
			if err := t.send(t.senders[i].conn); err != nil {
				return err
			}
			if err := t.loop.watch(t.senders[i].conn); err != nil {
				return err
			}
		}
	}
	return t.runFor(seconds(t.job.WarmUp))
}

// settle waits until the server has finished its own work, such as indexing a filled store: it has after half a second
// in which it hardly used its core; after half a minute it never will.
func (t *trafficRun) settle() error {
	const step = 500 * time.Millisecond
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); {
		before, err := processTime(t.job.Pid)
		if err != nil {
			return err
		}
		if err := t.loop.runUntil(time.Now().Add(step), func() bool { return false }); err != nil {
			return err
		}
		after, err := processTime(t.job.Pid)
		if err != nil {
			return err
		}
		if after-before < step/20 {
			return nil
		}
	}
	return nil
}

// keepOn lets all senders send and all members receive for a while.
func (t *trafficRun) runFor(duration time.Duration) error {
	end := time.Now().Add(duration)
	if t.schedule == nil {
		return t.loop.runUntil(end, func() bool { return false })
	}
	for time.Now().Before(end) {
		if err := t.sendDue(); err != nil {
			return err
		}
		if err := t.loop.poll(0); err != nil {
			return err
		}
		// A store may have to share this core; it is woken before a spinning thread anyway, and now at once.
		yieldCore()
	}
	return nil
}

// count runs a counting window and returns the changes.
func (t *trafficRun) count(window func() error) (*counted, error) {
	start, answered, delivered := time.Now(), t.answered, t.delivered
	frames, bytes := t.loop.frames, t.loop.bytes
	if t.schedule != nil {
		t.schedule.openWindow()
	}
	before, err := cpuTimes(t.job)
	if err != nil {
		return nil, err
	}
	if err := window(); err != nil {
		return nil, err
	}
	after, err := cpuTimes(t.job)
	if err != nil {
		return nil, err
	}
	result := &counted{Seconds: time.Since(start).Seconds(), Answered: t.answered - answered, Delivered: t.delivered - delivered,
		Frames: t.loop.frames - frames, Bytes: t.loop.bytes - bytes}
	result.LoadBusy = (after.own - before.own).Seconds() / result.Seconds
	result.ServerBusy = (after.server - before.server).Seconds() / result.Seconds
	result.StoreBusy = (after.store - before.store).Seconds() / result.Seconds
	result.OthersBusy = after.others(before) / result.Seconds
	if t.schedule != nil {
		err = t.awaitDeliveries(t.schedule.closeWindow())
		result.Latency = t.schedule.result()
	}
	return result, err
}

// awaitDeliveries runs until all members have received the messages of the window, so that the slowest of them count too.
func (t *trafficRun) awaitDeliveries(messages int) error {
	listeners := t.job.RoomSize
	if t.stalled >= 0 {
		listeners--
	}
	for end := time.Now().Add(5 * time.Second); len(t.schedule.latencies) < messages*listeners && time.Now().Before(end); {
		if err := t.runFor(10 * time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// end stops sending, waits for messages under way, and sums the deviations: of every member's messages and, where there
// are acks, of every sender's.
func (t *trafficRun) end(result *deviations) error {
	t.sending = false
	if err := t.loop.runUntil(time.Now().Add(10*time.Second), t.complete); err != nil {
		return err
	}
	add := func(seen *sequence, sent uint64) {
		if seen.count < sent {
			result.Lost += sent - seen.count
		}
		result.Doubled += seen.doubled
		result.OutOfOrder += seen.outOfOrder
	}
	for i := range t.senders {
		result.Sent += t.senders[i].sent
		if t.job.Protocol != protocolNone {
			add(&t.senders[i].acked, t.senders[i].sent)
		}
	}
	for i := range t.received {
		if i != t.stalled {
			add(&t.received[i], t.senders[i/t.job.RoomSize].sent)
		}
	}
	return nil
}

// complete reports whether every message was acked and received by its whole room.
func (t *trafficRun) complete() bool {
	for i := range t.received {
		s := &t.senders[i/t.job.RoomSize]
		if s.acked.count < s.sent || i != t.stalled && t.received[i].count < s.sent {
			return false
		}
	}
	return true
}
