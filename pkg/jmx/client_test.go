package jmx

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/icarus-sidecar/icarus/pkg/jmx/javaobj"
	"github.com/icarus-sidecar/icarus/pkg/jmx/rmi"
	"github.com/icarus-sidecar/icarus/pkg/jmx/rmi/rmitest"
)

// descriptors are the methods that a fake server knows.
var descriptors = []string{
	"newClient(Ljava/lang/Object;)Ljavax/management/remote/rmi/RMIConnection;",
	"close()V",
	"getDefaultDomain(Ljavax/security/auth/Subject;)Ljava/lang/String;",
	"getAttribute(Ljavax/management/ObjectName;Ljava/lang/String;Ljavax/security/auth/Subject;)Ljava/lang/Object;",
	"invoke(Ljavax/management/ObjectName;Ljava/lang/String;Ljava/rmi/MarshalledObject;" +
		"[Ljava/lang/String;Ljavax/security/auth/Subject;)Ljava/lang/Object;",
	"queryNames(Ljavax/management/ObjectName;Ljava/rmi/MarshalledObject;Ljavax/security/auth/Subject;)Ljava/util/Set;",
	"addNotificationListeners([Ljavax/management/ObjectName;[Ljava/rmi/MarshalledObject;[Ljavax/security/auth/Subject;)[Ljava/lang/Integer;",
	"removeNotificationListeners(Ljavax/management/ObjectName;[Ljava/lang/Integer;Ljavax/security/auth/Subject;)V",
	"fetchNotifications(JIJ)Ljavax/management/remote/NotificationResult;",
}

// answers are what a fake server does instead of what it would do, by the names
// of methods.
type answers map[string]func(rmitest.Call) rmitest.Answer

// fake starts a JMX server that lets everybody in and whose attributes are "v".
func fake(tb testing.TB, special answers) *rmitest.Server {
	tb.Helper()
	var s *rmitest.Server
	ready := make(chan struct{})
	s = rmitest.NewServer(tb, descriptors, nil, func(c rmitest.Call) rmitest.Answer {
		<-ready
		if answer, ok := special[c.Name()]; ok {
			return answer(c)
		}
		switch c.Name() {
		case "lookup":
			return rmitest.Returns(rmitest.Stub("10.9.9.9", s.Port, rmi.ObjID{1}, ""))
		case "newClient":
			return rmitest.Returns(rmitest.Stub("10.9.9.9", s.Port, rmi.ObjID{2}, ""))
		case "close", "removeNotificationListeners":
			return rmitest.Void()
		}
		return rmitest.Returns("v")
	})
	close(ready)
	return s
}

// silence is no answer, until the client leaves.
func silence(rmitest.Call) rmitest.Answer { return nil }

func TestSession(t *testing.T) {
	t.Parallel()
	var closes atomic.Int64
	s := fake(t, answers{
		"close": func(c rmitest.Call) rmitest.Answer {
			if c.ID != (rmi.ObjID{2}) {
				t.Errorf("object %x was closed", c.ID)
			}
			closes.Add(1)
			return rmitest.Void()
		},
	})
	var login atomic.Value
	s.Seen = func(c rmitest.Call) {
		if c.Name() == "newClient" {
			login.Store(c.Args[0])
		}
	}
	c, err := Dial(t.Context(), Options{Address: s.Address, Username: "u", Password: "p"})
	if err != nil {
		t.Fatal(err)
	}
	if a, ok := login.Load().(*javaobj.Array); !ok || a.Class.Name != "[Ljava.lang.String;" || fmt.Sprint(a.Elements) != "[u p]" {
		t.Errorf("the login is %v", login.Load())
	}
	if v, err := c.Attribute(t.Context(), "a:b=c", "X"); err != nil || v != "v" {
		t.Errorf("got %v, %v", v, err)
	}
	for range 2 {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	if n := closes.Load(); n != 1 {
		t.Errorf("the session was closed %d times", n)
	}
	if _, err := c.Attribute(t.Context(), "a:b=c", "X"); !errors.Is(err, ErrGone) {
		t.Errorf("after Close: %v, want ErrGone", err)
	}
	if n := s.Conns.Load(); n != 1 {
		t.Errorf("it took %d connections", n)
	}
}

func TestDialIsBounded(t *testing.T) {
	t.Parallel()
	for _, silent := range []string{"lookup", "newClient"} {
		s := fake(t, answers{silent: silence})
		_, err := Dial(t.Context(), Options{Address: s.Address, DialTimeout: 50 * time.Millisecond})
		if !errors.Is(err, ErrTransport) || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("silence at %s: %v, want ErrTransport and no deadline of the caller's", silent, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		_, err = Dial(ctx, Options{Address: s.Address})
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrTransport) {
			t.Errorf("silence at %s: %v, want the caller's deadline", silent, err)
		}
	}
	var config net.ListenConfig
	l, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	if _, err := Dial(t.Context(), Options{Address: l.Addr().String()}); !errors.Is(err, ErrTransport) {
		t.Errorf("nobody is there: %v, want ErrTransport", err)
	}
	if _, err := Dial(t.Context(), Options{Address: "nowhere"}); err == nil {
		t.Error("an address without a port was taken")
	}
}

func TestLoginThatFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer rmitest.Answer
		want   error
	}{
		"denied":       {rmitest.Throws("no entry for u with s3cret", "java.lang.SecurityException", "java.lang.RuntimeException"), ErrDenied},
		"no stub":      {rmitest.Returns("s3cret"), rmi.ErrStub},
		"disconnected": {rmitest.Leaves(nil), ErrTransport},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := fake(t, answers{"newClient": func(rmitest.Call) rmitest.Answer { return c.answer }})
			_, err := Dial(t.Context(), Options{Address: s.Address, Username: "u", Password: "s3cret"})
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), "s3cret") {
				t.Errorf("the password is in %#v", err)
			}
		})
	}
}

func TestOptionsPrintWithoutThePassword(t *testing.T) {
	t.Parallel()
	o := Options{Address: "h:7199", Username: "u", Password: "s3cret"}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("Dialling", "options", o)
	document, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{fmt.Sprintf("%v %+v %#v %s %q %v %+v", o, o, o, o, o, &o, &o), log.String(), string(document)} {
		if strings.Contains(text, "s3cret") || !strings.Contains(text, "h:7199") {
			t.Errorf("printed as %s", text)
		}
	}
}

func TestSessionIsKeptAlive(t *testing.T) {
	t.Parallel()
	beats := make(chan struct{}, 10)
	s := fake(t, answers{"getDefaultDomain": func(c rmitest.Call) rmitest.Answer {
		beats <- struct{}{}
		return rmitest.Returns("d")
	}})
	clock := clocktesting.NewFakeClock(time.Unix(0, 0))
	c := dialForTest(t, Options{Address: s.Address, Clock: clock})
	for range 3 {
		clock.Step(heartbeat)
		<-beats
	}
	// A beat that fails is no reason to stop.
	s.Cut()
	for beaten := false; !beaten; {
		clock.Step(heartbeat)
		select {
		case <-beats:
			beaten = true
		case <-time.After(10 * time.Millisecond): // that one met the cut
		}
	}
	if _, err := c.Attribute(t.Context(), "a:b=c", "X"); err != nil {
		t.Error(err)
	}
}

func TestCloseEndsWhatRuns(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{}, 1)
	s := fake(t, answers{"invoke": func(rmitest.Call) rmitest.Answer {
		arrived <- struct{}{}
		return nil
	}})
	c := dialForTest(t, Options{Address: s.Address})
	result := make(chan error)
	go func() {
		_, err := c.Invoke(t.Context(), "a:b=c", "op", nil)
		result <- err
	}()
	<-arrived
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := <-result; !errors.Is(err, ErrGone) {
		t.Errorf("got %v, want ErrGone", err)
	}
}

func TestCloseDoesNotWaitForever(t *testing.T) {
	t.Parallel()
	s := fake(t, answers{"close": silence})
	c, err := Dial(t.Context(), Options{Address: s.Address})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want that it took too long", err)
	}
	gone := fake(t, answers{"close": func(rmitest.Call) rmitest.Answer {
		return rmitest.Throws("no such object in table", "java.rmi.NoSuchObjectException", "java.rmi.RemoteException")
	}})
	c, err = Dial(t.Context(), Options{Address: gone.Address})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Errorf("a session that is gone: %v", err)
	}
}

func TestCallsEndWithTheirContext(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	s := fake(t, answers{"invoke": func(rmitest.Call) rmitest.Answer {
		calls.Add(1)
		return nil
	}})
	c := dialForTest(t, Options{Address: s.Address})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := c.Invoke(ctx, "a:b=c", "op", nil); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrTransport) {
		t.Errorf("got %v, want that its time is up", err)
	}
	if v, err := c.Attribute(t.Context(), "a:b=c", "X"); err != nil || v != "v" {
		t.Errorf("after it: %v, %v", v, err)
	}
	if n := calls.Load(); n != 1 {
		t.Errorf("it was called %d times", n)
	}
}

func TestAnswersOfTheWrongKind(t *testing.T) {
	t.Parallel()
	c := dialForTest(t, Options{Address: fake(t, nil).Address}) // all answers are "v"
	_, errQuery := c.Query(t.Context(), "a:*")
	_, errSubscribe := c.Subscribe(t.Context(), "a:b=c")
	_, errArgument := c.Invoke(t.Context(), "a:b=c", "op", []string{"int"}, 5)
	_, errSignature := c.Invoke(t.Context(), "a:b=c", "op", []string{"int"})
	for what, err := range map[string]error{
		"query": errQuery, "subscribe": errSubscribe, "argument": errArgument, "signature": errSignature,
	} {
		if !errors.Is(err, ErrValue) {
			t.Errorf("%s: %v, want ErrValue", what, err)
		}
	}
}

// The recorded result says: from 5, next 9, one notification for listener 4.
func TestSubscription(t *testing.T) {
	t.Parallel()
	result, ok := fromJava(t, "rmi:notification result").(*javaobj.Object)
	if !ok {
		t.Fatal("there is no notification result")
	}
	var asked struct {
		sync.Mutex
		from []string
	}
	waiting := make(chan struct{}, 1)
	s := fake(t, answers{
		"addNotificationListeners": func(rmitest.Call) rmitest.Answer {
			return rmitest.Returns(&javaobj.Array{Class: classIntegers, Elements: []any{boxed(int32(4))}})
		},
		"fetchNotifications": func(c rmitest.Call) rmitest.Answer {
			asked.Lock()
			defer asked.Unlock()
			asked.from = append(asked.from, fmt.Sprintf("%x", c.Args[0]))
			switch len(asked.from) {
			case 1: // where the server stands
				return rmitest.Returns(numbered(result, 3, 3))
			case 2:
				waiting <- struct{}{}
				return nil
			}
			return rmitest.Returns(result)
		},
	})
	c := dialForTest(t, Options{Address: s.Address})
	sub, err := c.Subscribe(t.Context(), "a:b=c")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-waiting
		cancel()
	}()
	if _, err := sub.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was cancelled", err)
	}
	n, err := sub.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if n.Type != "progress" || n.Message != "half way" || n.Source != "repair:7" || n.Sequence != 3 ||
		!n.Time.Equal(time.UnixMilli(1700000000123)) || fmt.Sprint(n.UserData) != "map[type:1]" {
		t.Errorf("got %+v", n)
	}
	if sub.Lost() != 2 {
		t.Errorf("%d were lost, want 2", sub.Lost())
	}
	if _, err := sub.Next(t.Context()); err != nil {
		t.Error(err)
	}
	if err := sub.Close(t.Context()); err != nil {
		t.Error(err)
	}
	asked.Lock()
	defer asked.Unlock()
	// From nowhere, from where it stood, from there again, from the next on.
	if got, want := strings.Join(asked.from, " "), "ffffffffffffffff 0000000000000003 0000000000000003 0000000000000009"; got != want {
		t.Errorf("asked from %s, want %s", got, want)
	}
}

// numbered is a notification result with other numbers.
func numbered(result *javaobj.Object, earliest, next int64) *javaobj.Object {
	slot := result.Slots[0]
	slot.Values = append([]any{}, slot.Values...)
	for i, f := range slot.Class.Fields {
		switch f.Name {
		case "earliestSequenceNumber":
			slot.Values[i] = earliest
		case "nextSequenceNumber":
			slot.Values[i] = next
		}
	}
	return &javaobj.Object{Class: result.Class, Slots: []javaobj.Slot{slot}}
}
