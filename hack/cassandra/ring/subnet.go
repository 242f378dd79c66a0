package ring

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strconv"
)

// claimPort is where the owner of a subnet listens, at its last address: a lock
// for the whole machine that no crash leaves behind.
const claimPort = 7198

// claimSubnet finds loopback addresses that nobody uses, so that test binaries
// that run at the same time have a ring each, and keeps them until release.
func claimSubnet(ctx context.Context, o Options) (subnet string, release func(), err error) {
	for {
		for _, subnet := range subnets() {
			if release, ok := claim(ctx, subnet, o); ok {
				return subnet, release, nil
			}
		}
		if err := pause(ctx); err != nil {
			return "", nil, fmt.Errorf("waiting for loopback addresses that no other ring uses: %w", err)
		}
	}
}

// subnets are the candidates. Where 127.0.0.0/8 is not all there from the start,
// there is only the one that its owner gave addresses to.
func subnets() []string {
	if runtime.GOOS != "linux" {
		return []string{"127.0.0"}
	}
	all := make([]string, 200)
	for i := range all {
		all[i] = "127.1." + strconv.Itoa(i+1)
	}
	return all
}

func claim(ctx context.Context, subnet string, o Options) (release func(), ok bool) {
	host := subnet + ".254"
	if runtime.GOOS != "linux" {
		host = subnet + ".1"
	}
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(claimPort)))
	if err != nil {
		return nil, false
	}
	o.Subnet = subnet
	if err := portsFree(o); errors.Is(err, ErrRunning) {
		_ = l.Close()
		return nil, false
	}
	return func() { _ = l.Close() }, true
}
