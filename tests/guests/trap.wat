;; GET /trap traps in the third of three nested functions. guests/hello.wat explains each line.
(module
  (memory (export "memory") 1)
  ;; One route, for every method: { methods: [], pattern: "/trap" }
  (data (i32.const 0) "\08\00\00\00\01\00\00\00")
  (data (i32.const 8) "\00\00\00\00\00\00\00\00\18\00\00\00\05\00\00\00")
  (data (i32.const 24) "/trap")
  (func (export "snow:host/handler@0.1.0#routes") (result i32) (i32.const 0))

  (func $answer_the_request (export "snow:host/handler@0.1.0#handle") (param i32) (result i32)
    (call $look_it_up))
  (func $look_it_up (result i32)
    (call $give_up))
  (func $give_up (result i32)
    unreachable)

  ;; The arguments are never read, so they may all be written to one place.
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
