package main

import (
	"bytes"
	"fmt"
	"math/rand"
	"time"
)

// trafficResult is what one run counted. Rates are made of the counting window only; the checks are of the whole run.
type trafficResult struct {
	// Seconds the counting took, messages answered (acked, or come back to their sender) and delivered in it.
	Seconds   float64 `json:"seconds"`
	Answered  uint64  `json:"answered"`
	Delivered uint64  `json:"delivered"`
	// LoadBusy, ServerBusy and StoreBusy are shares of one core, OthersBusy what the rest of the machine did meanwhile.
	LoadBusy   float64 `json:"loadBusy"`
	ServerBusy float64 `json:"serverBusy"`
	StoreBusy  float64 `json:"storeBusy"`
	OthersBusy float64 `json:"othersBusy"`
	// Sent in the whole run, and deviations among its deliveries and acks.
	Sent       uint64 `json:"sent"`
	Lost       uint64 `json:"lost"`
	Doubled    uint64 `json:"doubled"`
	OutOfOrder uint64 `json:"outOfOrder"`
}

// sender is the first member of a room. It keeps inFlight messages unanswered, and answers a read with one write.
type sender struct {
	template template
	sent     uint64
	// acked are the answers to it: acks, or its own messages from a relay.
	acked tally
	batch []byte
}

// trafficRun is rooms in which one member speaks and all of them hear it. It is the loop's receiver.
type trafficRun struct {
	job   job
	loop  *loop
	ready int
	// sending is false while the last messages are awaited.
	sending bool
	// senders by room, heard by connection.
	senders []sender
	heard   []tally
	// answered and delivered in the whole run, as totals.
	answered, delivered uint64
	// prefix of every message id of this run.
	prefix string
	// Where the numbers are: seq in Parley's messages, the id in what a relay sends back, and in acks; offset in
	// Centrifuge's publications.
	seq, echoedID, ackedID, offset field
}

func traffic(j job) (*trafficResult, error) {
	t := &trafficRun{job: j, sending: true, senders: make([]sender, len(j.Paths)/j.RoomSize), heard: make([]tally, len(j.Paths)),
		seq: field{name: []byte(`"seq":`)}, echoedID: field{name: []byte(`"id":"`)}, ackedID: field{name: []byte(`"id":"`)},
		offset: field{name: []byte(`"offset":`)}}
	t.prefix = fmt.Sprintf("%08x", rand.New(rand.NewSource(time.Now().UnixNano())).Uint32())
	for room := range t.senders {
		template := parleyTemplate(t.prefix, text(room, j.TextBytes))
		if j.Protocol == protocolCentrifuge {
			template = publishTemplate(channelOf(j.Paths[room*j.RoomSize]), t.prefix, text(room, j.TextBytes))
		}
		t.senders[room] = sender{template: template, acked: tally{next: 1}}
	}
	for i := range t.heard {
		t.heard[i].next = 1
	}
	var err error
	if t.loop, err = newLoop(j, t); err != nil {
		return nil, err
	}
	if err := t.loop.open(0, len(j.Paths), func() int { return t.ready }); err != nil {
		return nil, err
	}
	for _, c := range t.loop.conns {
		if err := t.send(c); err != nil {
			return nil, err
		}
		if err := t.loop.watch(c); err != nil {
			return nil, err
		}
	}
	never := func() bool { return false }
	if err := t.loop.runUntil(time.Now().Add(seconds(j.WarmUp)), never); err != nil {
		return nil, err
	}
	result := &trafficResult{}
	if err := t.count(result, func() error {
		return t.loop.runUntil(time.Now().Add(seconds(j.Seconds)), never)
	}); err != nil {
		return nil, err
	}
	t.sending = false
	if err := t.loop.runUntil(time.Now().Add(10*time.Second), t.complete); err != nil {
		return nil, err
	}
	t.check(result)
	return result, nil
}

// count runs the counting window and notes what it changed.
func (t *trafficRun) count(result *trafficResult, window func() error) error {
	start, answered, delivered := time.Now(), t.answered, t.delivered
	before, err := cpuTimes(t.job)
	if err != nil {
		return err
	}
	if err := window(); err != nil {
		return err
	}
	result.Seconds = time.Since(start).Seconds()
	result.Answered, result.Delivered = t.answered-answered, t.delivered-delivered
	after, err := cpuTimes(t.job)
	if err != nil {
		return err
	}
	result.LoadBusy = (after.own - before.own).Seconds() / result.Seconds
	result.ServerBusy = (after.server - before.server).Seconds() / result.Seconds
	result.StoreBusy = (after.store - before.store).Seconds() / result.Seconds
	result.OthersBusy = after.others(before) / result.Seconds
	return nil
}

// complete tells whether every message was answered and heard by its whole room.
func (t *trafficRun) complete() bool {
	for i := range t.heard {
		s := &t.senders[i/t.job.RoomSize]
		if s.acked.count < s.sent || t.heard[i].count < s.sent {
			return false
		}
	}
	return true
}

// check sums the deviations: of every member's messages and, where there are acks, of every sender's.
func (t *trafficRun) check(result *trafficResult) {
	add := func(seen *tally, sent uint64) {
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
	for i := range t.heard {
		add(&t.heard[i], t.senders[i/t.job.RoomSize].sent)
	}
}

func (t *trafficRun) upgraded(c *conn) error {
	switch t.job.Protocol {
	case protocolNone:
		t.ready++
	case protocolCentrifuge:
		return c.write(connectCommand)
	}
	return nil
}

var (
	messageType = []byte(`{"type":"message"`)
	ackType     = []byte(`{"type":"ack"`)
	welcomeType = []byte(`{"type":"welcome"`)
	errorType   = []byte(`{"type":"error"`)
)

func (t *trafficRun) frame(c *conn, payload []byte) error {
	if t.job.Protocol == protocolCentrifuge {
		return t.replies(c, payload)
	}
	n, ok := uint64(0), true
	switch {
	case bytes.HasPrefix(payload, messageType):
		t.delivered++
		if t.job.Protocol == protocolParley {
			n, ok = t.seq.number(payload, 0, len(payload))
		} else if n, ok = t.echoedID.number(payload, len(t.prefix), idDigits); c.index%t.job.RoomSize == 0 {
			t.answered++
			t.senders[c.index/t.job.RoomSize].acked.see(n)
		}
		t.heard[c.index].see(n)
	case bytes.HasPrefix(payload, ackType):
		t.answered++
		n, ok = t.ackedID.number(payload, len(t.prefix), idDigits)
		t.senders[c.index/t.job.RoomSize].acked.see(n)
	case bytes.HasPrefix(payload, welcomeType):
		t.ready++
	case bytes.HasPrefix(payload, errorType):
		return fmt.Errorf("connection %d: %s", c.index, payload)
	}
	if !ok {
		return fmt.Errorf("connection %d: a frame without its number: %s", c.index, payload)
	}
	return nil
}

func (t *trafficRun) chunk(c *conn) error {
	// Nobody speaks before everybody is there, or the first messages would miss members.
	if t.ready < len(t.job.Paths) {
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
