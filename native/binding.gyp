{
  "targets": [
    {
      "target_name": "vpatch",
      "sources": [
        "addon.cc", "connection_marks.cc", "matcher.cc", "notify.cc", "pattern_compiler.cc", "peer.cc", "queue.cc",
        "queue_socket.cc", "regex.cc"
      ],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["NAPI_VERSION=8", "NAPI_DISABLE_CPP_EXCEPTIONS", "NODE_ADDON_API_DISABLE_DEPRECATED"],
      "cflags": ["<!@(pkg-config --cflags libhs libpcre2-8 2>/dev/null || true)"],
      "cflags_cc": ["-std=c++17", "-Wall", "-Wextra", "-fvisibility=hidden"],
      "libraries": ["<!@(pkg-config --libs libhs libpcre2-8 2>/dev/null || echo -lhs -lpcre2-8)"]
    }
  ]
}
