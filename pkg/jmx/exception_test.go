package jmx

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestExceptionsOfJava(t *testing.T) {
	t.Parallel()
	chain := func(classesAndMessages ...string) *Exception {
		var e *Exception
		for i := len(classesAndMessages) - 2; i >= 0; i -= 2 {
			e = &Exception{Class: classesAndMessages[i], Message: classesAndMessages[i+1], Cause: e}
		}
		return e
	}
	const lang, management = "java.lang.", "javax.management."
	for name, c := range map[string]struct {
		want *Exception
		is   error
		text string
	}{
		"exception":                 {chain("java.io.IOException", "disk full"), nil, "java.io.IOException: disk full"},
		"exception without message": {chain(lang+"NullPointerException", ""), nil, "java.lang.NullPointerException"},
		"exception with causes": {
			chain(lang+"RuntimeException", "outer", lang+"IllegalStateException", "middle", "java.io.IOException", "inner"), nil,
			"java.lang.RuntimeException: outer, caused by java.lang.IllegalStateException: middle, caused by java.io.IOException: inner",
		},
		"unknown exception": {chain("Streams$Unknown", "why", lang+"Error", "because"), nil, "Streams$Unknown: why, caused by java.lang.Error: because"},
		"mbean exception": {
			chain(management+"MBeanException", "", "java.io.IOException", "x"), nil,
			"javax.management.MBeanException, caused by java.io.IOException: x",
		},
		"runtime mbean exception": {
			chain(management+"RuntimeMBeanException", "", lang+"SecurityException", "not your file"), nil,
			"javax.management.RuntimeMBeanException, caused by java.lang.SecurityException: not your file",
		},
		"runtime error exception": {
			chain(management+"RuntimeErrorException", "", lang+"AssertionError", "no"), nil,
			"javax.management.RuntimeErrorException, caused by java.lang.AssertionError: no",
		},
		"reflection exception": {
			chain(management+"ReflectionException", "no op", lang+"NoSuchMethodException", "op()"), ErrNotFound,
			"javax.management.ReflectionException: no op, caused by java.lang.NoSuchMethodException: op()",
		},
		"instance not found":  {chain(management+"InstanceNotFoundException", "a:type=B"), ErrNotFound, "javax.management.InstanceNotFoundException: a:type=B"},
		"attribute not found": {chain(management+"AttributeNotFoundException", "A"), ErrNotFound, "javax.management.AttributeNotFoundException: A"},
		"security exception": {
			chain(lang+"SecurityException", "Authentication failed!"), ErrDenied,
			"java.lang.SecurityException: Authentication failed!",
		},
		"wrapped security exception": {
			chain(lang+"RuntimeException", "java.lang.SecurityException: Authentication failed!", lang+"SecurityException", "Authentication failed!"),
			ErrDenied, "java.lang.RuntimeException: java.lang.SecurityException: Authentication failed!",
		},
		"remote exception": {
			chain("java.rmi.ServerException", "server", "java.rmi.UnmarshalException", "args", "java.io.IOException", "x"), nil,
			"java.rmi.ServerException: server, caused by java.rmi.UnmarshalException: args, caused by java.io.IOException: x",
		},
		"no such object": {
			chain("java.rmi.NoSuchObjectException", "no such object in table"), ErrGone,
			"java.rmi.NoSuchObjectException: no such object in table",
		},
		"causes in a circle": {
			chain(lang+"Exception", "first", lang+"Exception", "second"), nil,
			"java.lang.Exception: first, caused by java.lang.Exception: second",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := exception(fromJava(t, "rmi:"+name))
			if diff := cmp.Diff(c.want, got, cmpopts.IgnoreUnexported(Exception{})); diff != "" {
				t.Fatal(diff)
			}
			for _, sentinel := range []error{ErrNotFound, ErrDenied, ErrGone, ErrTransport} {
				if want := errors.Is(sentinel, c.is); errors.Is(got, sentinel) != want {
					t.Errorf("is %v: %v", sentinel, !want)
				}
			}
			if got.Error() != c.text {
				t.Errorf("text %q, want %q", got.Error(), c.text)
			}
		})
	}
}

func TestWhatIsNoException(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"null", "string", "hash map", "cycle"} {
		if e := exception(fromJava(t, name)); e != nil {
			t.Errorf("%s is %v", name, e)
		}
	}
}

// Of an exception that a test made by hand, the class alone is known.
func TestExceptionsMadeByHand(t *testing.T) {
	t.Parallel()
	e := &Exception{Class: "java.lang.RuntimeException", Cause: &Exception{Class: "java.lang.SecurityException"}}
	if !errors.Is(e, ErrDenied) || errors.Is(e, ErrNotFound) {
		t.Errorf("%v is not what it should be", e)
	}
}
