package ring

import (
	"bytes"
	"crypto/rand"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"fmt"
	"time"
	"unicode/utf16"
)

// A Java key store (JKS) is written here by hand: the JDK's keytool, which is
// not in every runtime, takes a second a call and cannot import a key. The
// format is that of sun.security.provider.JavaKeyStore, and its protection that
// of KeyProtector beside it: SHA-1, weak, and good enough for keys that live an
// hour.
const (
	jksMagic       = 0xFEEDFEED
	jksVersion     = 2
	jksPrivateKey  = 1
	jksCertificate = 2
)

// jksProtection is the algorithm of a protected key in a JKS.
var jksProtection = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 42, 2, 17, 1, 1}

// keyStore is a JKS with one key, its certificate and the issuer's.
func keyStore(id *identity, issuer *x509.Certificate, password string) ([]byte, error) {
	plain, err := x509.MarshalPKCS8PrivateKey(id.key)
	if err != nil {
		return nil, fmt.Errorf("encoding a key: %w", err)
	}
	protected, err := protect(plain, password)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	jksHeader(&b, jksPrivateKey, "key")
	jksBytes(&b, protected)
	jksInt(&b, 2)
	jksCert(&b, id.cert)
	jksCert(&b, issuer)
	return jksSeal(b.Bytes(), password), nil
}

// trustStore is a JKS that trusts one authority.
func trustStore(ca *x509.Certificate, password string) []byte {
	var b bytes.Buffer
	jksHeader(&b, jksCertificate, "ca")
	jksCert(&b, ca)
	return jksSeal(b.Bytes(), password)
}

// jksHeader begins a store of one entry.
func jksHeader(b *bytes.Buffer, kind uint32, alias string) {
	jksInt(b, jksMagic)
	jksInt(b, jksVersion)
	jksInt(b, 1)
	jksInt(b, kind)
	jksString(b, alias)
	_ = binary.Write(b, binary.BigEndian, time.Now().UnixMilli()) // a buffer takes all
}

func jksCert(b *bytes.Buffer, cert *x509.Certificate) {
	jksString(b, "X.509")
	jksBytes(b, cert.Raw)
}

func jksInt(b *bytes.Buffer, n uint32) { b.Write(binary.BigEndian.AppendUint32(nil, n)) }

func jksBytes(b *bytes.Buffer, p []byte) {
	jksInt(b, uint32(len(p)))
	b.Write(p)
}

func jksString(b *bytes.Buffer, s string) {
	b.Write(binary.BigEndian.AppendUint16(nil, uint16(len(s))))
	b.WriteString(s)
}

// jksSeal appends the digest that proves the store whole.
func jksSeal(body []byte, password string) []byte {
	sum := digest(utf16Bytes(password), []byte("Mighty Aphrodite"), body)
	return append(body, sum...)
}

// protect hides a key behind a stream of chained digests.
func protect(plain []byte, password string) ([]byte, error) {
	secret := utf16Bytes(password)
	salt := make([]byte, sha1.Size)
	if _, err := rand.Read(salt); err != nil {
		return nil, fmt.Errorf("making a salt: %w", err)
	}
	hidden := append([]byte(nil), salt...)
	block := salt
	for i, c := range plain {
		if i%sha1.Size == 0 {
			block = digest(secret, block)
		}
		hidden = append(hidden, c^block[i%sha1.Size])
	}
	hidden = append(hidden, digest(secret, plain)...)
	out, err := asn1.Marshal(struct {
		Algorithm pkix.AlgorithmIdentifier
		Data      []byte
	}{pkix.AlgorithmIdentifier{Algorithm: jksProtection, Parameters: asn1.NullRawValue}, hidden})
	if err != nil {
		return nil, fmt.Errorf("encoding a protected key: %w", err)
	}
	return out, nil
}

func digest(parts ...[]byte) []byte {
	h := sha1.New()
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

// utf16Bytes is a password as Java digests it.
func utf16Bytes(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.BigEndian.AppendUint16(b, u)
	}
	return b
}
