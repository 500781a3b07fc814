#pragma once

#include "addon.h"

namespace vpatch {

/** Exports `NfQueue` and `queueColumns`, the names of the columns of a row in their order. */
void DefineQueue(Napi::Env env, Napi::Object exports);

}  // namespace vpatch
