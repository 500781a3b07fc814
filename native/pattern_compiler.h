#pragma once

#include <napi.h>

namespace vpatch {

/** Exports `PatternCompiler`. */
void DefinePatternCompiler(Napi::Env env, Napi::Object exports);

}  // namespace vpatch
