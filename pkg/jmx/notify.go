package jmx

import (
	"context"
	"fmt"
	"time"

	"github.com/icarus-sidecar/icarus/pkg/jmx/javaobj"
)

const (
	// maxFetch is as many notifications as a server keeps.
	maxFetch = 1000
	// fetchWait is how long the server waits for one before it answers with none.
	fetchWait = 30 * time.Second
)

// Notification is what an MBean sent.
type Notification struct {
	Type     string
	Message  string
	Sequence int64
	Time     time.Time
	// Source is an ObjectName, or what the sender put in its place.
	Source   any
	UserData any
}

// Subscription receives the notifications of one MBean. It is for one goroutine.
type Subscription struct {
	client *Client
	bean   ObjectName
	id     int32
	next   int64
	lost   int64
	ready  []Notification
}

// Subscribe begins to receive the notifications of an MBean: those that it sends
// after Subscribe returned, at the latest.
func (c *Client) Subscribe(ctx context.Context, bean ObjectName) (*Subscription, error) {
	s, err := c.subscribe(ctx, bean)
	if err != nil {
		return nil, fmt.Errorf("listening to %s: %w", bean, err)
	}
	return s, nil
}

func (c *Client) subscribe(ctx context.Context, bean ObjectName) (*Subscription, error) {
	// Where the server stands comes first, so that nothing is between the two.
	now, err := c.fetch(ctx, -1, 0, 0)
	if err != nil {
		return nil, err
	}
	v, err := c.call(ctx, methodAddNotificationListeners,
		&javaobj.Array{Class: classNames, Elements: []any{objectName(bean)}},
		&javaobj.Array{Class: classWrapped, Elements: []any{nil}}, nil)
	if err != nil {
		return nil, err
	}
	value, err := plain(v)
	if err != nil {
		return nil, err
	}
	ids, ok := value.([]any)
	if !ok || len(ids) != 1 {
		return nil, fmt.Errorf("%w: the listeners are %T", ErrValue, value)
	}
	id, ok := ids[0].(int32)
	if !ok {
		return nil, fmt.Errorf("%w: a listener is a %T", ErrValue, ids[0])
	}
	return &Subscription{client: c, bean: bean, id: id, next: now.next}, nil
}

// Next waits for the next notification. When ctx ends it returns, and another
// Next goes on where this one was: nothing is lost by that.
func (s *Subscription) Next(ctx context.Context) (Notification, error) {
	for len(s.ready) == 0 {
		got, err := s.client.fetch(ctx, s.next, maxFetch, fetchWait)
		if err != nil {
			return Notification{}, fmt.Errorf("listening to %s: %w", s.bean, err)
		}
		if got.earliest > s.next {
			s.lost += got.earliest - s.next
		}
		s.next = got.next
		for _, n := range got.notifications {
			if n.listener == s.id {
				s.ready = append(s.ready, n.Notification)
			}
		}
	}
	n := s.ready[0]
	s.ready = s.ready[1:]
	return n, nil
}

// Lost is how many notifications the server threw away before they were fetched.
// It is an upper bound: those of other MBeans count too.
func (s *Subscription) Lost() int64 { return s.lost }

// Close ends the subscription. Closing the Client does, too.
func (s *Subscription) Close(ctx context.Context) error {
	id := &javaobj.Array{Class: classIntegers, Elements: []any{boxed(s.id)}}
	if _, err := s.client.call(ctx, methodRemoveNotificationListeners, objectName(s.bean), id, nil); err != nil {
		return fmt.Errorf("ceasing to listen to %s: %w", s.bean, err)
	}
	return nil
}

// fetched is one answer of the server's buffer of notifications.
type fetched struct {
	earliest, next int64
	notifications  []targeted
}

// targeted is a notification and the listener that it is for.
type targeted struct {
	Notification
	listener int32
}

func (c *Client) fetch(ctx context.Context, from int64, most int32, wait time.Duration) (fetched, error) {
	v, err := c.call(ctx, methodFetchNotifications, from, most, wait.Milliseconds())
	if err != nil {
		return fetched{}, err
	}
	return notifications(v)
}

// notifications reads a javax.management.remote.NotificationResult.
func notifications(v any) (fetched, error) {
	o, err := object(v)
	if err != nil {
		return fetched{}, err
	}
	var f fetched
	var ok1, ok2 bool
	f.earliest, ok1 = o.Field("earliestSequenceNumber").(int64)
	f.next, ok2 = o.Field("nextSequenceNumber").(int64)
	if !ok1 || !ok2 {
		return fetched{}, fmt.Errorf("%w: a %s has no numbers", ErrValue, o.Class.Name)
	}
	p := newConverter()
	err = eachObject(o, "targetedNotifications", func(o *javaobj.Object) error {
		n, err := p.targeted(o)
		f.notifications = append(f.notifications, n)
		return err
	})
	return f, err
}

func (p *converter) targeted(o *javaobj.Object) (targeted, error) {
	var t targeted
	id, err := p.plain(o.Field("id"))
	if err != nil {
		return t, err
	}
	var ok bool
	if t.listener, ok = id.(int32); !ok {
		return t, fmt.Errorf("%w: a listener is a %T", ErrValue, id)
	}
	n, err := object(o.Field("notif"))
	if err != nil {
		return t, err
	}
	if t.Type, err = textField(n, "type"); err != nil {
		return t, err
	}
	if t.Message, err = textField(n, "message"); err != nil {
		return t, err
	}
	t.Sequence, _ = n.Field("sequenceNumber").(int64)
	millis, _ := n.Field("timeStamp").(int64)
	t.Time = time.UnixMilli(millis).UTC()
	s := n.Slot("javax.management.Notification")
	if s == nil {
		return t, fmt.Errorf("%w: a notification is a %s", ErrValue, n.Class.Name)
	}
	// java.util.EventObject, above it, has a source of its own, which is not sent.
	if t.Source, err = p.plain(s.Field("source")); err != nil {
		return t, err
	}
	t.UserData, err = p.plain(s.Field("userData"))
	return t, err
}
