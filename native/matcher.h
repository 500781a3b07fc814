#pragma once

#include "addon.h"

namespace vpatch {

/** Exports `Matcher` and `MATCH_CASELESS`. */
void DefineMatcher(Napi::Env env, Napi::Object exports);

}  // namespace vpatch
