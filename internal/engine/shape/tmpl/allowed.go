package tmpl

// sprigAllowed are the functions of sprig that templates may call, each looked
// at for what it reads and how much it can make. A test compares the lists
// here with the library, so that a new function is decided about.
var sprigAllowed = []string{
	"abbrev", "abbrevboth", "add", "add1", "add1f", "addf", "adler32sum", "ago", "all",
	"any", "append", "atoi", "b32dec", "b32enc", "b64dec", "b64enc", "base", "bcrypt",
	"biggest", "buildCustomCert", "camelcase", "cat", "ceil", "chunk", "clean", "coalesce",
	"compact", "concat", "contains", "date", "dateInZone", "dateModify", "date_in_zone",
	"date_modify", "decryptAES", "deepCopy", "deepEqual", "default", "derivePassword",
	"dict", "dig", "dir", "div", "divf", "duration", "durationRound", "empty", "encryptAES",
	"ext", "fail", "first", "float64", "floor", "fromJson", "genCA", "genCAWithKey",
	"genPrivateKey", "genSelfSignedCert", "genSelfSignedCertWithKey", "genSignedCert",
	"genSignedCertWithKey", "get", "has", "hasKey", "hasPrefix", "hasSuffix", "hello",
	"htmlDate", "htmlDateInZone", "indent", "initial", "initials", "int", "int64", "isAbs",
	"join", "kebabcase", "keys", "kindIs", "kindOf", "last", "list", "lower", "max", "maxf",
	"merge", "mergeOverwrite", "min", "minf", "mod", "mul", "mulf", "mustAppend",
	"mustChunk", "mustCompact", "mustDateModify", "mustDeepCopy", "mustFirst",
	"mustFromJson", "mustHas", "mustInitial", "mustLast", "mustMerge", "mustMergeOverwrite",
	"mustPrepend", "mustPush", "mustRegexFind", "mustRegexFindAll", "mustRegexMatch",
	"mustRegexReplaceAll", "mustRegexReplaceAllLiteral", "mustRegexSplit", "mustRest",
	"mustReverse", "mustSlice", "mustToDate", "mustToJson", "mustToPrettyJson",
	"mustToRawJson", "mustUniq", "mustWithout", "must_date_modify", "nindent", "nospace",
	"now", "omit", "osBase", "osClean", "osDir", "osExt", "osIsAbs", "pick", "pluck",
	"plural", "prepend", "push", "quote", "randAlpha", "randAlphaNum", "randAscii",
	"randBytes", "randInt", "randNumeric", "regexFind", "regexFindAll", "regexMatch",
	"regexQuoteMeta", "regexReplaceAll", "regexReplaceAllLiteral", "regexSplit", "repeat",
	"replace", "rest", "reverse", "round", "semver", "semverCompare", "seq", "set",
	"sha1sum", "sha256sum", "sha512sum", "shuffle", "slice", "snakecase", "sortAlpha",
	"split", "splitList", "splitn", "squote", "sub", "subf", "substr", "swapcase",
	"ternary", "title", "toDate", "toDecimal", "toJson", "toPrettyJson", "toRawJson",
	"toString", "toStrings", "trim", "trimAll", "trimPrefix", "trimSuffix", "trimall",
	"trunc", "tuple", "typeIs", "typeIsLike", "typeOf", "uniq", "unixEpoch", "unset",
	"until", "untilStep", "untitle", "upper", "urlJoin", "urlParse", "uuidv4", "values",
	"without", "wrap", "wrapWith",
}

// sprigReplaced are those that are our own: External Secrets' htpasswd also
// takes the name of an algorithm.
var sprigReplaced = []string{"htpasswd"}

// sprigDenied are those that they may not call: they reach out of the
// template, to the environment and the network. The original tools have none
// of them either.
var sprigDenied = []string{"env", "expandenv", "getHostByName"}
