;; A guest whose jobs compute without end, or do nothing. guests/hello.wat explains what all of this is.
;;
;; 0 GET /jobs/one    starts one job that computes
;; 1 GET /jobs/eight  starts eight
;; 2 GET /jobs/pile   starts sixteen, and ten thousand that do nothing
(module
  (import "snow:host/pending-handles@0.1.0" "[resource-drop]pending" (func $drop (param i32)))
  (import "snow:host/jobs@0.1.0" "start" (func $start (param i32 i32 i32 i32 i32)))
  (memory (export "memory") 1)

  ;; The list of routes, and three of them: { methods: [], pattern }
  (data (i32.const 0) "\08\00\00\00\03\00\00\00")
  (data (i32.const 8) "\00\00\00\00\00\00\00\00\60\00\00\00\09\00\00\00")
  (data (i32.const 24) "\00\00\00\00\00\00\00\00\70\00\00\00\0b\00\00\00")
  (data (i32.const 40) "\00\00\00\00\00\00\00\00\80\00\00\00\0a\00\00\00")
  (data (i32.const 96) "/jobs/one")
  (data (i32.const 112) "/jobs/eight")
  (data (i32.const 128) "/jobs/pile")
  ;; The names of the jobs.
  (data (i32.const 144) "spin")
  (data (i32.const 152) "rest")
  ;; respond { status: 200, headers: [], body: [] }
  (data (i32.const 160) "\00\00\00\00\c8\00\00\00")
  ;; ok([])
  (data (i32.const 192) "\00\00\00\00")

  (func (export "snow:host/handler@0.1.0#routes") (result i32) (i32.const 0))

  (func (export "snow:host/handler@0.1.0#handle") (param $arguments i32) (result i32)
    (local $route i32)
    (local.set $route (i32.load (local.get $arguments)))
    (if (i32.eqz (local.get $route))
      (then (call $several (i32.const 144) (i32.const 1))))
    (if (i32.eq (local.get $route) (i32.const 1))
      (then (call $several (i32.const 144) (i32.const 8))))
    (if (i32.eq (local.get $route) (i32.const 2))
      (then
        (call $several (i32.const 144) (i32.const 16))
        (call $several (i32.const 152) (i32.const 10000))))
    (i32.const 160))

  ;; Starts so many jobs of the name at this address, and lets go of them.
  (func $several (param $name i32) (param $count i32)
    (loop $again
      (call $start
        (local.get $name) (i32.const 4) (i32.const 0) (i32.const 0) (i32.const 256))
      (if (i32.load8_u (i32.const 256)) (then unreachable))
      (call $drop (i32.load (i32.const 260)))
      (local.set $count (i32.sub (local.get $count) (i32.const 1)))
      (br_if $again (local.get $count))))

  ;; run({ id, name, payload, attempt, attempts-max, due-ms })
  (func (export "snow:host/job-runner@0.1.0#run")
    (param i32 i32) (param $name i32) (param i32 i32 i32 i32 i32 i64) (result i32)
    (if (i32.eq (i32.load8_u (local.get $name)) (i32.const 115))
      (then (loop $again (br $again))))
    (i32.const 192))

  (global $free (mut i32) (i32.const 1024))
  (func (export "cabi_realloc") (param i32 i32 i32) (param $size i32) (result i32)
    (local $at i32)
    ;; Aligned by 8, which is enough for all.
    (local.set $at (global.get $free))
    (global.set $free
      (i32.and (i32.add (i32.add (local.get $at) (local.get $size)) (i32.const 7)) (i32.const -8)))
    (local.get $at)))
