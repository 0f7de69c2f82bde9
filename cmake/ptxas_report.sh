#!/bin/sh
# Runs a compile command of nvcc and keeps what ptxas says of registers, shared memory and spills beside the object file.
output=
previous=
for argument in "$@"; do
  [ "$previous" = "-o" ] && output=$argument
  previous=$argument
done
messages=$output.messages
"$@" 2>"$messages"
status=$?
grep -E "ptxas info|bytes stack frame|Function properties" "$messages" >"$output.ptxas"
grep -v -E "ptxas info|bytes stack frame|Function properties|^$" "$messages" >&2
rm -f "$messages"
exit $status
