#pragma once

#include "addon.h"

namespace vpatch {

/** Exports `sendDatagram`: one datagram to a Unix socket, as service managers want to be told. */
void DefineNotify(Napi::Env env, Napi::Object exports);

}  // namespace vpatch
