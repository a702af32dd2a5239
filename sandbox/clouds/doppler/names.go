package doppler

import "strings"

// transformers change names like SMTP__USER_NAME to other cases.
func transformers() map[string]func(string) string {
	return map[string]func(string) string{
		"camel":       func(name string) string { return lowerFirst(upperCamel(name)) },
		"upper-camel": upperCamel,
		"lower-snake": strings.ToLower,
		"lower-kebab": func(name string) string { return strings.ToLower(strings.ReplaceAll(name, "_", "-")) },
		"tf-var":      func(name string) string { return "TF_VAR_" + strings.ToLower(name) },
		"dotnet":      func(name string) string { return dotnet(name, ":") },
		"dotnet-env":  func(name string) string { return dotnet(name, "__") },
	}
}

// upperCamel writes API_KEY as ApiKey.
func upperCamel(name string) string {
	var camel strings.Builder
	for word := range strings.SplitSeq(strings.ToLower(name), "_") {
		if word != "" {
			camel.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return camel.String()
}

func lowerFirst(name string) string {
	if name == "" {
		return ""
	}
	return strings.ToLower(name[:1]) + name[1:]
}

// dotnet writes SMTP__USER_NAME as Smtp:UserName, or with another separator
// of sections.
func dotnet(name, separator string) string {
	sections := strings.Split(name, "__")
	for i, section := range sections {
		sections[i] = upperCamel(section)
	}
	return strings.Join(sections, separator)
}
