package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"filippo.io/age"

	"github.com/tacit-secrets/tacit/internal/seal"
	"github.com/tacit-secrets/tacit/internal/seal/sealtest"
	"github.com/tacit-secrets/tacit/internal/sealing"
)

// sealkit makes and opens what the scripts about sealing need:
//
//	sealkit cluster NAME MONTHS...   a cluster whose keys are so old, the newest
//	                                 last: NAME.pem is the newest certificate,
//	                                 NAME-1.pem that of the first key, and so on;
//	                                 NAME.age is the backup, opened by NAME.id
//	sealkit open NAME FILE           what the cluster makes of a file's objects
//	sealkit word FILE                a file that holds its name, and no newline
//	sealkit large FILE               one that is larger than manifests are
//
// Months of more than 120 are beyond the validity.
func sealkit(ctx context.Context, args []string) int {
	var err error
	switch {
	case len(args) > 2 && args[0] == "cluster":
		err = makeCluster(args[1], args[2:])
	case len(args) == 3 && args[0] == "open":
		err = openAs(ctx, args[1], args[2])
	case len(args) == 2 && args[0] == "word":
		err = os.WriteFile(args[1], []byte(args[1]), 0o600)
	case len(args) == 2 && args[0] == "large":
		err = os.WriteFile(args[1], make([]byte, 17<<20), 0o600)
	default:
		err = errors.New("usage: sealkit cluster NAME MONTHS... | sealkit open NAME FILE | sealkit word FILE | sealkit large FILE")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "sealkit: "+err.Error())
		return 1
	}
	return 0
}

func makeCluster(name string, months []string) error {
	var ages []int
	for _, word := range months {
		age, err := strconv.Atoi(word)
		if err != nil {
			return err
		}
		ages = append(ages, age)
	}
	c, err := sealtest.NewCluster(time.Now(), ages...)
	if err != nil {
		return err
	}
	return writeCluster("", name, c)
}

func writeCluster(dir, name string, c *sealtest.Cluster) error {
	write := func(file string, content []byte) error {
		return os.WriteFile(filepath.Join(dir, name+file), content, 0o600)
	}
	for i := range c.Certificates {
		if err := write(fmt.Sprintf("-%d.pem", i+1), c.Certificates[i].PEM()); err != nil {
			return err
		}
	}
	newest := c.Newest()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return err
	}
	var backup bytes.Buffer
	if _, err := sealing.Export(&backup, c.Secrets, id.Recipient()); err != nil {
		return err
	}
	return errors.Join(write(".pem", newest.PEM()), write(".id", []byte(id.String()+"\n")), write(".age", backup.Bytes()))
}

func openAs(ctx context.Context, name, path string) error {
	identity, err := os.Open(name + ".id")
	if err != nil {
		return err
	}
	ids, err := age.ParseIdentities(identity)
	if err != nil {
		return err
	}
	backup, err := os.Open(name + ".age")
	if err != nil {
		return err
	}
	keys, err := seal.OpenBackup(ctx, backup, ids...)
	if err != nil {
		return err
	}
	content, err := seal.ReadFile(path)
	if err != nil {
		return err
	}
	f, err := seal.ParseFile(content)
	if err != nil {
		return err
	}
	for _, o := range f.Objects {
		data, err := keys.Data(ctx, &o.SealedSecret)
		if err != nil {
			return err
		}
		for _, key := range slices.Sorted(maps.Keys(data)) {
			fmt.Printf("%s %s=%q\n", o.Title(), key, data[key].Reveal())
		}
	}
	return nil
}
