// The threaded client; without this its blocking and its threaded calls are hidden.
#define THREADED
#include <zookeeper/zookeeper.h>

// Swift takes a global that is not constant for shared mutable state.

/// Everybody may do everything.
static inline const struct ACL_vector *czk_open_acl(void) { return &ZOO_OPEN_ACL_UNSAFE; }
/// Whoever has the credential of the session that created the node may do everything, nobody else anything.
static inline const struct ACL_vector *czk_creator_acl(void) { return &ZOO_CREATOR_ALL_ACL; }
