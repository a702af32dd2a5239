module github.com/tacit-secrets/tacit/sandbox/clouds

go 1.26.0
