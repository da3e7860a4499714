package antpool_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestTheProgramOfTheReadmePrintsWhatTheReadmeSays builds it as its reader would: in a module of
// its own, by the commands that stand beside it, with the path of this one for PATH.
func TestTheProgramOfTheReadmePrintsWhatTheReadmeSays(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	check(t, err, nil)
	parts := regexp.MustCompile("(?s)```go\n(package main\n.*?)```.*?```sh\n(.*?)```.*?```text\n(.*?)```").
		FindStringSubmatch(string(readme))
	if parts == nil {
		t.Fatal("README.md has no program, commands and output")
	}
	program, commands, want := parts[1], parts[2], parts[3]

	here, err := os.Getwd()
	check(t, err, nil)
	module := t.TempDir()
	check(t, os.WriteFile(filepath.Join(module, "main.go"), []byte(program), 0o666), nil)
	script := exec.Command("sh", "-e", "-c", strings.ReplaceAll(commands, "PATH_TO_ANTPOOL/bindings/go", here))
	script.Dir = module
	script.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-tags="+buildTags())
	script.Stderr = os.Stderr
	output, err := script.Output()
	check(t, err, nil)
	check(t, string(output), want)
}
