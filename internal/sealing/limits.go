package sealing

// Every input has a bound. What the API server takes for an object is less
// than most of these; files and requests come past it.
const (
	// MaxEntry is the longest ciphertext that is looked at, as text.
	MaxEntry = 2 << 20
	// MaxEntries is how many one object may have.
	MaxEntries = 2048
	// MaxPlaintext is the largest value that is sealed: a Secret holds no
	// more.
	MaxPlaintext = 1 << 20
	// MaxRecipients is for how many certificates one value is sealed.
	MaxRecipients = 100
	// MaxBackup is the size of a backup of keys.
	MaxBackup = 16 << 20

	// minSealBits is the weakest key that is sealed for. Weaker ones still
	// open what was sealed for them elsewhere.
	minSealBits = 2048
	// maxBits bounds the time that one decryption takes.
	maxBits = 16384

	maxCertificates = MaxRecipients
	maxPEM          = 4 << 20
	// maxKeyDER holds a key of maxBits; to look for the faults of a larger one
	// could take minutes.
	maxKeyDER = 16 << 10
)
