package main

import (
	"strings"
	"testing"

	"github.com/icarus-sidecar/icarus/pkg/cli"
)

// formerFlags are those of Icarus 3.0 and of Esop, with values.
var formerFlags = map[string]string{
	"icarus": "-l 127.0.0.1:4567 --listen 127.0.0.1:4567 -e 1h --operations-expiration 1h --disable-cors --jmx-service 127.0.0.1:7199 " +
		"--jmx-user u --jmx-credentials f --hash-algorithm SHA-256 --enable-truncate",
	"esop backup": "--data-dir /d -d 1h --duration 1h -b 10mbps --bandwidth 10mbps --create-missing-bucket --md COPY --metadata-directive COPY " +
		"--skip-refreshing -s t --st t --snapshot-tag t --entities a --datacenter x --timeout 5 --globalRequest --uploadClusterTopology",
	"esop restore": "--dd /d --data-directory /d --cassandra-dir /d --data-dir /d --cd /c --config-directory /c --rs --restore-system-keyspace " +
		"--ra --restore-system-auth -s t --st t --snapshot-tag t --entities a --update-cassandra-yaml --restoration-strategy-type IMPORT " +
		"--restoration-phase-type INIT --restoration-no-delete-truncates --restoration-no-delete-downloads --restoration-no-download-data " +
		"--schema-version v --exact-schema-version --timeout 5 --globalRequest --resolve-host-id-from-topology --restore-into-new-cluster " +
		"--rename a.b=c.d --datacenter x --import-keyspace k --import-table t --table-path /p --import-keep-level --import-keep-repaired " +
		"--import-no-verify --import-no-verify-tokens --import-no-invalidate-caches --import-quick --import-extended-verify --import-source-dir /i " +
		"--k8s-namespace n --k8s-secret-name s",
	"esop commitlog-backup": "--commit-log-dir /d --cl-archive /a --commit-log /f --online",
	"esop commitlog-restore": "--commit-log-dir /d -p /s --shared-path /s --cd /c --ts 1 --timestamp-start 1 --te 2 --timestamp-end 2 " +
		"--kt a.b --keyspace-tables a.b --commitlog-download-dir /r",
	"esop list": "--json --resolve-nodes --human-units --to-file f --simple-format --from-timestamp 1 --last-n 1 --skip-download --cache-dir /c",
	"esop remove-backup": "-n x --name x --backup-name x -d --dry --resolve-nodes -o --oldest --older-than 14d --dcs x --dcs y --global-request " +
		"--cache-dir /c -r 1d --rate 1d",
}

const formerShared = " --sl s3://b1b --storage-location s3://b1b --insecure-http --skip-bucket-verification --use-proxy --proxy-host h --proxy-port 1 " +
	"--proxy-username u --proxy-password p --proxy-protocol http --retry-interval 1 --retry-strategy LINEAR --retry-max-attempts 3 --retry-enabled " +
	"--cc 1 --concurrent-connections 1 --kmsKeyId k --jmx-service :7199 --jmx-user u --jmx-credentials f --hash-algorithm CRC"

func TestFlagsOfTheOriginalAreTaken(t *testing.T) {
	t.Parallel()
	for command, flags := range formerFlags {
		if strings.HasPrefix(command, "esop") {
			flags += formerShared
		}
		if _, err := execute(t, strings.Fields(command+" "+flags+" --help")...); err != nil {
			t.Errorf("%s: %v", command, err)
		}
	}
	if out, err := execute(t, "-V"); err != nil || !strings.Contains(out, version) {
		t.Errorf("-V prints %q, %v", out, err)
	}
}

func TestFlagsOfTheOriginalThatAreGoneTellTheWayOut(t *testing.T) {
	t.Parallel()
	for flag, instead := range former {
		for _, command := range []string{"icarus", "esop backup"} {
			_, err := execute(t, append(strings.Fields(command), "--"+flag, "hunter2")...)
			if cli.ExitCode(err) != cli.ExitUsage || !strings.Contains(err.Error(), instead) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%s --%s: %v", command, flag, err)
			}
		}
	}
}
