#pragma once

#include "addon.h"

namespace vpatch {

/** exports.takeConnectionMarks */
void DefineConnectionMarks(Napi::Env env, Napi::Object exports);

}  // namespace vpatch
