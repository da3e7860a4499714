package antpool

// With the build tag antpool_static the archive comes first and satisfies every symbol, so that
// the shared library, which pkg-config names after it, is not needed and not recorded.

// #cgo !antpool_static pkg-config: antpool
// #cgo antpool_static LDFLAGS: -Wl,--as-needed -l:libantpool.a
// #cgo antpool_static pkg-config: --static antpool
import "C"
