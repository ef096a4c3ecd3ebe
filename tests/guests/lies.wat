;; GET /lies/NUMBER returns something that is not an outcome: with addresses outside of the memory,
;; impossible lengths, or cases that do not exist. The host must trust none of it.
(module
  (memory (export "memory") 2)
  ;; One route, for every method: { methods: [], pattern: "/lies/([0-9])" }
  (data (i32.const 0) "\08\00\00\00\01\00\00\00")
  (data (i32.const 8) "\00\00\00\00\00\00\00\00\18\00\00\00\0d\00\00\00")
  (data (i32.const 24) "/lies/([0-9])")
  (func (export "snow:host/handler@0.1.0#routes") (result i32) (i32.const 0))

  ;; An outcome begins with its case (0: respond) at 0; then status at 4, headers at 8 and 12, body
  ;; at 16 and 20.
  ;;
  ;; 0: the outcome itself is outside of the memory (see $handle).
  ;; 1: its address is not aligned (see $handle).
  ;; 2: a case that does not exist
  (data (i32.const 256) "\07\00\00\00\c8\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00")
  ;; 3: four billion headers
  (data (i32.const 320) "\00\00\00\00\c8\00\00\00\00\10\00\00\ff\ff\ff\ff\00\00\00\00\00\00\00\00")
  ;; 4: a body that reaches beyond the end of the memory
  (data (i32.const 384) "\00\00\00\00\c8\00\00\00\00\00\00\00\00\00\00\00\00\00\01\00\01\00\01\00")
  ;; 5: a body whose end wraps around to the start of the memory
  (data (i32.const 448) "\00\00\00\00\c8\00\00\00\00\00\00\00\00\00\00\00\ff\ff\ff\ff\ff\ff\ff\ff")
  ;; 6: a header whose name is not UTF-8
  (data (i32.const 512) "\00\00\00\00\c8\00\00\00\20\02\00\00\01\00\00\00\00\00\00\00\00\00\00\00")
  (data (i32.const 544) "\30\02\00\00\02\00\00\00\00\00\00\00\00\00\00\00")
  (data (i32.const 560) "\c3\28")
  ;; 7: two thousand headers, each with the whole memory as its value: 250 MB out of 128 KiB.
  ;; $write_headers writes them, at 65536.
  (data (i32.const 576) "\00\00\00\00\c8\00\00\00\00\00\01\00\d0\07\00\00\00\00\00\00\00\00\00\00")
  ;; 8: a suspension of a handle that was never given out
  (data (i32.const 640) "\01\00\00\00\b0\02\00\00\01\00\00\00")
  (data (i32.const 688) "\4d\00\00\00")
  ;; 9: a suspension with a `join` that does not exist
  (data (i32.const 704) "\01\00\00\00\00\00\00\00\00\00\00\00\09\00\00\00")

  ;; The digit is the last byte of the path, whose address and length are at 44 and 48 of the
  ;; arguments.
  (func $handle (export "snow:host/handler@0.1.0#handle") (param $arguments i32) (result i32)
    (local $lie i32)
    (local.set $lie
      (i32.sub
        (i32.load8_u
          (i32.sub
            (i32.add (i32.load offset=44 (local.get $arguments)) (i32.load offset=48 (local.get $arguments)))
            (i32.const 1)))
        (i32.const 48)))
    (if (i32.eq (local.get $lie) (i32.const 0)) (then (return (i32.const 0x7ffffff0))))
    (if (i32.eq (local.get $lie) (i32.const 1)) (then (return (i32.const 65))))
    (if (i32.eq (local.get $lie) (i32.const 7)) (then (call $write_headers)))
    (i32.add (i32.const 128) (i32.mul (local.get $lie) (i32.const 64))))

  (func $write_headers
    (local $at i32)
    (local.set $at (i32.const 65536))
    (loop $next
      ;; name: "l" (of "/lies"), value: 128 KiB from 0
      (i32.store (local.get $at) (i32.const 25))
      (i32.store offset=4 (local.get $at) (i32.const 1))
      (i32.store offset=8 (local.get $at) (i32.const 0))
      (i32.store offset=12 (local.get $at) (i32.const 131072))
      (local.set $at (i32.add (local.get $at) (i32.const 16)))
      (br_if $next (i32.lt_u (local.get $at) (i32.const 97536)))))

  ;; Room for arguments. It is never used twice.
  (global $free (mut i32) (i32.const 4096))
  (func (export "cabi_realloc") (param i32 i32 i32) (param $size i32) (result i32)
    (local $new i32)
    (local.set $new (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
    (global.set $free (i32.add (local.get $new) (local.get $size)))
    (local.get $new)))
