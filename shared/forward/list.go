package forward

// list is a doubly linked list of entries that live in exactly one list at a time, so that an abandoned entry is taken out
// without a search. The zero value is an empty list.
type list struct {
	root  entry // root.next is the first, root.prev the last; nil while empty
	n     int
	bytes int
}

func (l *list) init() {
	if l.root.next == nil {
		l.root.next, l.root.prev = &l.root, &l.root
	}
}

func (l *list) pushBack(e *entry) {
	l.init()
	l.insert(e, l.root.prev)
}

func (l *list) pushFront(e *entry) {
	l.init()
	l.insert(e, &l.root)
}

func (l *list) insert(e, behind *entry) {
	e.prev, e.next, e.in = behind, behind.next, l
	behind.next.prev, behind.next = e, e
	l.n++
	l.bytes += e.item.Size
}

func (l *list) remove(e *entry) {
	e.prev.next, e.next.prev = e.next, e.prev
	e.prev, e.next, e.in = nil, nil, nil
	l.n--
	l.bytes -= e.item.Size
}

func (l *list) front() *entry {
	if l.n == 0 {
		return nil
	}
	return l.root.next
}

func (l *list) after(e *entry) *entry {
	if e.next == &l.root {
		return nil
	}
	return e.next
}

func (l *list) popFront() *entry {
	e := l.front()
	if e != nil {
		l.remove(e)
	}
	return e
}
