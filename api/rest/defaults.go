package rest

import (
	"fmt"
	"maps"
	"strings"
)

const (
	defaultConnections = 10 // the original's
	defaultTimeout     = 5  // hours; the original's
	// Where packages of Cassandra put its configuration; the original's.
	defaultConfigDirectory = "/etc/cassandra"
	retryLinear            = "LINEAR"
	retryExponential       = "EXPONENTIAL"
)

var builtin = Types{
	TypeBackup: func() Request {
		return &BackupRequest{Header: Header{Type: TypeBackup}, Store: newStore(), MetadataDirective: "COPY", Timeout: defaultTimeout}
	},
	TypeRestore: func() Request {
		return &RestoreRequest{
			Header: Header{Type: TypeRestore}, Store: newStore(),
			CassandraDirectory: "/var/lib/cassandra", CassandraConfigDirectory: defaultConfigDirectory,
			RestorationStrategyType: StrategyInPlace, Timeout: defaultTimeout, Rename: map[string]string{},
		}
	},
	TypeImport:   func() Request { return &ImportRequest{Header: Header{Type: TypeImport}} },
	TypeTruncate: func() Request { return &TruncateRequest{Header: Header{Type: TypeTruncate}} },
	TypeFlush:    func() Request { return &FlushRequest{Header: Header{Type: TypeFlush}} },
	TypeCleanup:  func() Request { return &CleanupRequest{Header: Header{Type: TypeCleanup}} },
	TypeUploadTopology: func() Request {
		return &UploadTopologyRequest{Header: Header{Type: TypeUploadTopology}, Store: newStore()}
	},
	TypeList: func() Request { return &ListRequest{Header: Header{Type: TypeList}, Store: newStore()} },
	TypeRemoveBackup: func() Request {
		return &RemoveBackupRequest{Header: Header{Type: TypeRemoveBackup}, Store: newStore()}
	},
	TypeVerify: func() Request {
		return &VerifyRequest{Header: Header{Type: TypeVerify}, Store: newStore(), Level: VerifyList}
	},
	TypeCommitLogBackup: func() Request {
		return &CommitLogBackupRequest{Header: Header{Type: TypeCommitLogBackup}, Store: newStore(), MetadataDirective: "COPY"}
	},
	TypeCommitLogRestore: func() Request {
		return &CommitLogRestoreRequest{
			Header: Header{Type: TypeCommitLogRestore}, Store: newStore(), CassandraCommitLogDirectory: DefaultCommitLogDirectory,
			SharedContainerPath: "/", CassandraConfigDirectory: defaultConfigDirectory,
		}
	},
	TypeScrub:           func() Request { return &ScrubRequest{Header: Header{Type: TypeScrub}} },
	TypeUpgradeSSTables: func() Request { return &UpgradeSSTablesRequest{Header: Header{Type: TypeUpgradeSSTables}} },
	TypeRefresh:         func() Request { return &RefreshRequest{Header: Header{Type: TypeRefresh}} },
	TypeRebuild:         func() Request { return &RebuildRequest{Header: Header{Type: TypeRebuild}} },
	TypeDecommission:    func() Request { return &DecommissionRequest{Header: Header{Type: TypeDecommission}} },
	TypeDrain:           func() Request { return &DrainRequest{Header: Header{Type: TypeDrain}} },
	TypeStop:            func() Request { return &StopRequest{Header: Header{Type: TypeStop}} },
	TypeRestart:         func() Request { return &RestartRequest{Header: Header{Type: TypeRestart}} },
	TypeSnapshot:        func() Request { return &SnapshotRequest{Header: Header{Type: TypeSnapshot}} },
	TypeClearSnapshot:   func() Request { return &ClearSnapshotRequest{Header: Header{Type: TypeClearSnapshot}} },
	TypeCompact:         func() Request { return &CompactRequest{Header: Header{Type: TypeCompact}} },
	TypeGarbageCollect: func() Request {
		return &GarbageCollectRequest{Header: Header{Type: TypeGarbageCollect}, Granularity: "ROW"} // nodetool's
	},
	TypeVerifySSTables: func() Request { return &VerifySSTablesRequest{Header: Header{Type: TypeVerifySSTables}} },
	TypeRepair: func() Request {
		return &RepairRequest{Header: Header{Type: TypeRepair}, Parallelism: "parallel", JobThreads: 1} // nodetool's
	},
	TypeAssassinate: func() Request { return &AssassinateRequest{Header: Header{Type: TypeAssassinate}} },
	TypeRemoveNode:  func() Request { return &RemoveNodeRequest{Header: Header{Type: TypeRemoveNode}} },
}

// BuiltinTypes are the types of this package.
func BuiltinTypes() Types { return maps.Clone(builtin) }

// NewRequest is a request of one of this package's types with the contract's
// defaults filled in. Only snapshotTag of a backup has a default that needs a
// clock, and is left to the one who runs it.
func NewRequest(kind string) (Request, bool) {
	create, ok := builtin[kind]
	if !ok {
		return nil, false
	}
	return create(), true
}

func newStore() Store {
	return Store{
		ConcurrentConnections: defaultConnections,
		Retry:                 Retry{Interval: 10, Strategy: retryLinear, MaxAttempts: 3},
	}
}

func (r *BackupRequest) complete() []string {
	r.MetadataDirective = strings.ToUpper(r.MetadataDirective)
	return append(r.Store.complete(), completeTimeout(&r.Timeout)...)
}

func (r *RestoreRequest) complete() []string {
	warnings := append(r.Store.complete(), completeTimeout(&r.Timeout)...)
	if r.RestorationStrategyType == "" {
		r.RestorationStrategyType = StrategyInPlace
	}
	r.IfAbsent = strings.ToLower(r.IfAbsent)
	// Before there was INIT, a global restore began with DOWNLOAD, and the
	// original's documents still say so.
	whole := r.GlobalRequest && !r.SinglePhase && r.RestorationStrategyType != StrategyInPlace
	if whole && (r.RestorationPhase == PhaseDownload || r.RestorationPhase == "") {
		r.RestorationPhase = PhaseInit
	}
	if r.Import != nil {
		r.Import.Type = TypeImport
		warnings = append(warnings, r.Import.complete()...)
	}
	return warnings
}

// complete spells out what quick means.
func (r *ImportRequest) complete() []string {
	if !r.Quick {
		return nil
	}
	var warnings []string
	if r.ExtendedVerify {
		warnings = append(warnings, "extendedVerify is not done, because quick is set")
	}
	r.NoVerify, r.NoVerifyTokens, r.NoInvalidateCaches, r.ExtendedVerify = true, true, true, false
	return warnings
}

func (s *Store) complete() []string {
	var warnings []string
	if p := s.ProxySettings; p != nil {
		p.ProxyProtocol = strings.ToLower(p.ProxyProtocol)
	}
	switch {
	case s.K8sSecretName == "":
	case s.Credentials != nil:
		warnings = append(warnings, "k8sSecretName is not read: the keys to the bucket are those of credentials")
	case strings.HasPrefix(s.StorageLocation, "file://"):
		warnings = append(warnings, "k8sSecretName is not read: a directory needs no keys")
	}
	s.Retry.Strategy = strings.ToUpper(s.Retry.Strategy)
	if s.Retry.Strategy != retryLinear && s.Retry.Strategy != retryExponential {
		warnings = append(warnings, fmt.Sprintf("retry.strategy %.100q is not known; LINEAR is used", s.Retry.Strategy))
		s.Retry.Strategy = retryLinear
	}
	return warnings
}

func completeTimeout(hours *int) []string {
	if *hours >= 1 {
		return nil
	}
	given := *hours
	*hours = defaultTimeout
	return []string{fmt.Sprintf("timeout %d is less than one hour; %d is used", given, defaultTimeout)}
}
