package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"time"

	"filippo.io/age"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tacit-secrets/tacit/internal/seal"
	"github.com/tacit-secrets/tacit/internal/sealing"
)

// sealkit makes and opens what the scripts about sealing need:
//
//	sealkit cluster NAME MONTHS...   a cluster whose keys are so old: NAME.pem is
//	                                 its newest certificate, NAME-1.pem that of
//	                                 the first key, and so on; NAME.age is the
//	                                 backup, opened by NAME.id
//	sealkit open NAME FILE           what the cluster makes of a file's objects
//	sealkit word FILE                a file that holds its name, and no newline
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
	default:
		err = errors.New("usage: sealkit cluster NAME MONTHS... | sealkit open NAME FILE | sealkit word FILE")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "sealkit: "+err.Error())
		return 1
	}
	return 0
}

func makeCluster(name string, months []string) error {
	var secrets []corev1.Secret
	newest := 1 << 30
	for i, word := range months {
		age, err := strconv.Atoi(word)
		if err != nil {
			return err
		}
		key, cert, err := sealing.Generate(2048, time.Now().AddDate(0, -age, 0), 10*365*24*time.Hour)
		if err != nil {
			return err
		}
		secrets = append(secrets, corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: fmt.Sprintf("sealed-secrets-key%d", i+1), Labels: map[string]string{sealing.KeyLabel: sealing.KeyActive}},
			Type:       corev1.SecretTypeTLS,
			Data:       map[string][]byte{"tls.key": key.PEM().Reveal(), "tls.crt": cert.PEM()},
		})
		paths := []string{fmt.Sprintf("%s-%d.pem", name, i+1)}
		if age < newest {
			newest = age
			paths = append(paths, name+".pem")
		}
		for _, path := range paths {
			if err := os.WriteFile(path, cert.PEM(), 0o600); err != nil {
				return err
			}
		}
	}
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return err
	}
	var backup bytes.Buffer
	if _, err := sealing.Export(&backup, secrets, id.Recipient()); err != nil {
		return err
	}
	return errors.Join(os.WriteFile(name+".id", []byte(id.String()+"\n"), 0o600), os.WriteFile(name+".age", backup.Bytes(), 0o600))
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
	f, err := seal.OpenFile(path)
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
