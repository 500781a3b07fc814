#pragma once

#include "addon.h"

namespace vpatch {

/** Exports `Regex`, and the objects `regexFlags` and `regexErrors` of its constants. */
void DefineRegex(Napi::Env env, Napi::Object exports);

}  // namespace vpatch
