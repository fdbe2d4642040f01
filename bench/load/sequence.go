package main

// sequence checks that numbers come as 1, 2, 3 … and counts each kind of deviation. The straight path is one compare.
type sequence struct {
	// next is the number that should come now.
	next uint64
	// count is how many different numbers came.
	count      uint64
	doubled    uint64
	outOfOrder uint64
	// missing holds the skipped numbers that have not come since.
	missing map[uint64]struct{}
}

// maxGap limits the memory that one absurd number can cost.
const maxGap = 1 << 20

func (t *sequence) see(n uint64) {
	if n == t.next {
		t.next++
		t.count++
		return
	}
	t.seeDeviation(n)
}

func (t *sequence) seeDeviation(n uint64) {
	if n < t.next {
		if _, late := t.missing[n]; late {
			delete(t.missing, n)
			t.outOfOrder++
			t.count++
		} else {
			t.doubled++
		}
		return
	}
	if t.missing == nil {
		t.missing = map[uint64]struct{}{}
	}
	for skipped := t.next; skipped < n && len(t.missing) < maxGap; skipped++ {
		t.missing[skipped] = struct{}{}
	}
	t.next = n + 1
	t.count++
}
