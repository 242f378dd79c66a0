package rmi_test

import (
	"encoding/hex"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/icarus-sidecar/icarus/pkg/jmx/rmi"
)

// The methods of a JMX server, with the hashes that the JDK's stubs have.
func TestHashesAreThoseOfTheJDK(t *testing.T) {
	t.Parallel()
	const (
		name    = "Ljavax/management/ObjectName;"
		subject = "Ljavax/security/auth/Subject;"
		object  = "Ljava/lang/Object;"
		text    = "Ljava/lang/String;"
		wrapped = "Ljava/rmi/MarshalledObject;"
		number  = "Ljava/lang/Integer;"
		jmx     = "Ljavax/management/"
	)
	for descriptor, want := range map[string]int64{
		"getVersion()" + text: -8081107751519807347,
		"newClient(" + object + ")" + jmx + "remote/rmi/RMIConnection;": -1089742558549201240,
		"getConnectionId()" + text:                                      -67907180346059933,
		"close()V":                                                      -4742752445160157748,
		"getAttribute(" + name + text + subject + ")" + object:          -1089783104982388203,
		"getAttributes(" + name + "[" + text + subject + ")" + jmx + "AttributeList;":       6285293806596348999,
		"setAttribute(" + name + wrapped + subject + ")V":                                   6738606893952597516,
		"setAttributes(" + name + wrapped + subject + ")" + jmx + "AttributeList;":          -230470228399681820,
		"invoke(" + name + text + wrapped + "[" + text + subject + ")" + object:             1434350937885235744,
		"queryNames(" + name + wrapped + subject + ")Ljava/util/Set;":                       9152567528369059802,
		"queryMBeans(" + name + wrapped + subject + ")Ljava/util/Set;":                      2915881009400597976,
		"isRegistered(" + name + subject + ")Z":                                             8325683335228268564,
		"isInstanceOf(" + name + text + subject + ")Z":                                      -2147516868461740814,
		"getMBeanCount(" + subject + ")" + number:                                           -2042362057335820635,
		"getMBeanInfo(" + name + subject + ")" + jmx + "MBeanInfo;":                         -7404813916326233354,
		"getObjectInstance(" + name + subject + ")" + jmx + "ObjectInstance;":               6950095694996159938,
		"getDefaultDomain(" + subject + ")" + text:                                          6047668923998658472,
		"getDomains(" + subject + ")[" + text:                                               -6662314179953625551,
		"addNotificationListeners([" + name + "[" + wrapped + "[" + subject + ")[" + number: -5321691879380783377,
		"removeNotificationListeners(" + name + "[" + number + subject + ")V":               2549120024456183446,
		"fetchNotifications(JIJ)" + jmx + "remote/NotificationResult;":                      -5037523307973544478,
	} {
		if got := rmi.Hash(descriptor); got != want {
			t.Errorf("%s: %d, want %d", descriptor, got, want)
		}
	}
}

// What a client sends to look an object up, byte for byte.
func TestGreetingAndLookupOnTheWire(t *testing.T) {
	t.Parallel()
	const (
		greeting = "4a524d49 0002 4b   0007 302e302e302e30 00000000"
		call     = `50 aced0005 7722 0000000000000000 00000000 0000000000000000 0000  00000002 44154dc9d4e63bdf
			74 0006 6a6d78726d69`
	)
	want := make([]string, 2)
	got := make([]string, 2)
	for i, part := range []string{greeting, call} {
		want[i] = strings.Join(strings.Fields(part), "")
	}
	done := make(chan struct{})
	address := listen(t, func(c net.Conn) {
		defer close(done)
		for i, answer := range []string{"\x4e\x00\x01h\x00\x00\x00\x01", ""} {
			b := make([]byte, len(want[i])/2)
			if _, err := io.ReadFull(c, b); err != nil {
				t.Error(err)
			}
			got[i] = hex.EncodeToString(b)
			if _, err := io.WriteString(c, answer); err != nil {
				t.Error(err)
			}
		}
	})
	tr, err := rmi.New(rmi.Config{Address: address})
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	if ref, err := tr.Lookup(t.Context(), "jmxrmi"); err == nil {
		t.Errorf("found %+v where there is no answer", ref)
	}
	<-done
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
