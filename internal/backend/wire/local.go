package wire

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// errLinkLocal is an address at which there are no stores.
var errLinkLocal = errors.New("is at a link-local address, where a node's own services answer")

// dialer connects to stores, and to nothing at link-local addresses: whoever
// may make a store could have the operator ask there in its own name, above all
// the cloud's metadata service, which gives away the node's credentials. What
// counts is the address that a name leads to, at the moment of the connection.
func dialer() *net.Dialer {
	return &net.Dialer{
		Timeout: 10 * time.Second,
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			to, err := netip.ParseAddrPort(address)
			if err != nil || linkLocal(to.Addr().Unmap()) {
				return errLinkLocal
			}
			return nil
		},
	}
}

// linkLocal counts AWS' metadata service, whose address under IPv6 is not, with
// those that are.
func linkLocal(a netip.Addr) bool {
	return a.IsLinkLocalUnicast() || a.IsMulticast() || a.WithZone("") == netip.AddrFrom16([16]byte{0xfd, 0x00, 0x0e, 0xc2, 14: 0x02, 15: 0x54})
}
