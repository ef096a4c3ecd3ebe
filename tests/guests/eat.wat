;; GET /eat asks for more and more memory. When it is refused it traps, as an allocator does that
;; has none left.
(module
  (memory (export "memory") 1)
  ;; One route, for every method: { methods: [], pattern: "/eat" }
  (data (i32.const 0) "\08\00\00\00\01\00\00\00")
  (data (i32.const 8) "\00\00\00\00\00\00\00\00\18\00\00\00\04\00\00\00")
  (data (i32.const 24) "/eat")
  (func (export "snow:host/handler@0.1.0#routes") (result i32) (i32.const 0))

  (func $eat (export "snow:host/handler@0.1.0#handle") (param i32) (result i32)
    (local $new i32)
    (loop $more
      (local.set $new (memory.grow (i32.const 1)))
      (if (i32.ne (local.get $new) (i32.const -1))
        (then
          ;; Writes to each page, since memory that nobody has touched takes no room.
          (i32.store (i32.shl (local.get $new) (i32.const 16)) (i32.const 1))
          (br $more))))
    unreachable)

  ;; The arguments are never read, so they may all be written to one place.
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
