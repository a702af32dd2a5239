package delivery

// Source is one entry of what to read: from which store, which part, and how
// the result becomes keys and values.
type Source struct {
	// Field is where the manifest says so, for messages: "spec.data[0]".
	Field string
	Store StoreRef
	// Object is what TakeObject reads, in place of a store.
	Object ObjectRef
	Take   Take
	// SkipTypes are prefixes of types of Secrets that TakeObject passes over as
	// if nothing had been asked of them; only the read tells the type.
	SkipTypes []string

	// Sealed is what TakeSealed opens, in place of a store.
	Sealed Sealed

	Remote Remote // for TakeValue and TakeMap
	Search Search // for TakeFound

	// Into is the key that TakeValue fills.
	Into string

	Decode   Decoding
	Convert  Conversion // for TakeMap and TakeFound without Rewrites
	Rewrites []Rewrite  // for TakeMap and TakeFound
	// RefuseNUL makes a value with a NUL byte an error.
	RefuseNUL bool
}

// Take is how much of the store a source takes.
type Take string

// What a source takes.
const (
	TakeValue Take = "value" // one value into one key
	TakeMap   Take = "map"   // every property of one remote secret, a key each
	TakeFound Take = "found" // every remote secret that the search finds, a key each
	// TakeObject is a Secret or ConfigMap of the cluster: its data as it is,
	// its type, and what Shape.Carry says of its labels and annotations.
	TakeObject Take = "object"
	// TakeSealed is data that stands encrypted in the manifest itself.
	TakeSealed Take = "sealed"
)

// Remote names a secret, or a part of it, in a store.
type Remote struct {
	Key string
	// Property selects a part of the secret; empty takes it whole.
	Property string
	// Version as the store writes it; empty is the newest.
	Version string
	// Metadata reads what the store knows about the secret (tags, labels,
	// custom metadata) in place of its value.
	Metadata bool
}

// Search selects remote secrets. All conditions that are set must hold.
type Search struct {
	Path string            // only below this path
	Name string            // regular expression (RE2) on the name
	Tags map[string]string // all of these
}

// Decoding turns what the store holds into what the Secret gets.
type Decoding string

// The decodings.
const (
	DecodeNone      Decoding = "None"
	DecodeBase64    Decoding = "Base64"
	DecodeBase64URL Decoding = "Base64URL"
	DecodeAuto      Decoding = "Auto" // Base64, else Base64URL, else as it is
)

// Conversion turns characters that a Secret's keys cannot have into ones
// that they can.
type Conversion string

// The conversions.
const (
	ConvertDefault Conversion = "Default" // "_"
	ConvertUnicode Conversion = "Unicode" // "_U%04x_"
	// ConvertNone leaves keys as they are, for what is not written into a
	// Secret.
	ConvertNone Conversion = "None"
)

// Rewrite changes the keys of a source's result. Exactly one is set.
type Rewrite struct {
	Regexp    *RewriteRegexp
	Transform *RewriteTransform
	Merge     *RewriteMerge
}

// RewriteRegexp replaces what Source (RE2) matches in a key with Target, in
// which $1 stands for the first group.
type RewriteRegexp struct{ Source, Target string }

// RewriteTransform renders Template for each key, which it sees as .value.
type RewriteTransform struct{ Template string }

// RewriteMerge merges the values, each a JSON object, into one.
type RewriteMerge struct {
	// Into is the one key that gets the merged JSON; with Extract set,
	// every top-level key becomes a key of its own instead.
	Into    string
	Extract bool
	// Priority lists keys whose values win: the last one listed wins most.
	Priority []string
	// IgnoreMissing lets a key in Priority be absent from the result.
	IgnoreMissing bool
	// IgnoreConflicts lets a later value win where two have the same key;
	// otherwise that is an error.
	IgnoreConflicts bool
}
