package store

import (
	"cmp"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// Objects say how a store keeps what is written. What a provider does not have is
// ErrInvalid when a bucket is opened.
type Objects struct {
	// StorageClass is that of the data: what Put writes. Documents stay in the
	// default one, as they are read again at every backup and list.
	StorageClass string
	// Encryption is what S3 encrypts with, as AES256 or aws:kms. The others always
	// encrypt, and are asked for a key only.
	Encryption string
	// Key names the key: of KMS for S3, of Cloud KMS for GCS; for Azure it is the
	// encryption scope. It is no secret.
	Key string
	// Tags are put on every object; GCS calls them metadata.
	Tags map[string]string
}

// encryptions are what S3 takes, and whether a key goes with them.
var encryptions = map[string]bool{"AES256": false, "aws:kms": true, "aws:kms:dsse": true}

// unreadable are the classes whose objects have to be thawed before they are read.
var unreadable = []string{"GLACIER", "DEEP_ARCHIVE"}

const (
	maxTags     = 10 // of S3 and Azure
	maxTagName  = 128
	maxTagValue = 256
	archiveTier = "ARCHIVE"
)

// CheckStorageClass refuses a class that a provider does not have, or that keeps
// objects where they cannot be read.
func CheckStorageClass(p Provider, class string) error {
	known := func(classes ...string) error {
		if slices.Contains(classes, strings.ToUpper(class)) {
			return nil
		}
		return invalid("%s has no storage class %.50q; it has %s", p, class, strings.Join(classes, ", "))
	}
	switch {
	case class == "":
		return nil
	case p == File:
		return invalid("a directory has no storage classes")
	case p == GCP, p == GS:
		return known("STANDARD", "NEARLINE", "COLDLINE", archiveTier)
	case p == Azure && strings.EqualFold(class, archiveTier), p != Azure && slices.Contains(unreadable, class):
		return invalid("what is in the storage class %s has to be thawed for hours before it can be read", class)
	case p == Azure:
		return known("HOT", "COOL", "COLD")
	case strings.ContainsFunc(class, func(r rune) bool { return !strings.ContainsRune(classCharacters, r) }):
		return invalid("%.50q is no storage class of S3, as STANDARD_IA is", class) // servers may have their own
	}
	return nil
}

// CheckEncryption refuses an encryption that a provider does not have.
func CheckEncryption(p Provider, method, key string) error {
	switch {
	case method == "" && key == "":
		return nil
	case p == File:
		return invalid("a directory does not encrypt")
	case p == GCP, p == GS, p == Azure:
		if method != "" {
			return invalid("%s always encrypts, and knows no methods; name a key or nothing", p)
		}
		if p != Azure && !strings.HasPrefix(key, "projects/") {
			return invalid("the key of Google is not of the form projects/P/locations/L/keyRings/R/cryptoKeys/K")
		}
		return nil
	}
	keyed, ok := encryptions[method]
	switch {
	case method != "" && !ok:
		return invalid("S3 has no encryption %.50q; it has %s", method, strings.Join(slices.Sorted(maps.Keys(encryptions)), ", "))
	case method != "" && !keyed && key != "":
		return invalid("the encryption %s has a key of its own; a key goes with aws:kms", method)
	}
	return nil
}

// CheckTags refuses tags that a provider does not have or not take.
func CheckTags(p Provider, tags map[string]string) error {
	switch {
	case len(tags) == 0:
		return nil
	case p == File:
		return invalid("a directory has no tags")
	case len(tags) > maxTags:
		return invalid("%d tags, and %d are the most", len(tags), maxTags)
	}
	for name, value := range tags {
		if name == "" || len(name) > maxTagName || len(value) > maxTagValue {
			return invalid("the tag %.50q has no name, or one of more than %d bytes, or a value of more than %d", name, maxTagName, maxTagValue)
		}
		if strings.ContainsFunc(name+value, func(r rune) bool { return !strings.ContainsRune(tagCharacters, r) }) {
			return invalid("the tag %.50q has characters besides letters, digits, blanks and + - . / : = _", name)
		}
		if strings.HasPrefix(strings.ToLower(name), "aws:") || strings.EqualFold(name, discardMark) {
			return invalid("the tag %.50q has a name that is not free", name)
		}
	}
	return nil
}

const classCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"

// tagCharacters are what every provider takes.
const tagCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 +-./:=_"

func (o Objects) check(p Provider) error {
	return cmp.Or(CheckStorageClass(p, o.StorageClass), CheckEncryption(p, o.Encryption, o.Key), CheckTags(p, o.Tags))
}

// query is the tags as S3 and Azure want them in a header.
func (o Objects) query() string {
	values := url.Values{}
	for name, value := range o.Tags {
		values.Set(name, value)
	}
	return strings.ReplaceAll(values.Encode(), "+", "%20")
}
