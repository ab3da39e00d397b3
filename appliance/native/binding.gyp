{
  "targets": [
    {
      "target_name": "ring",
      "sources": ["ring.cc"],
      "cflags_cc": ["-std=c++20", "-Wall", "-Wextra", "-Werror", "-fvisibility=hidden", "-fstack-protector-strong", "-D_FORTIFY_SOURCE=2"],
      "defines": ["NAPI_VERSION=9"],
      "libraries": ["-lpcap"]
    }
  ]
}
