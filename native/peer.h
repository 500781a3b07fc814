#pragma once

#include "addon.h"

namespace vpatch {

/** Exports `peerCredentials`: who holds the other end of a connected Unix socket. */
void DefinePeer(Napi::Env env, Napi::Object exports);

}  // namespace vpatch
