;; A guest with jobs, in two versions that differ by a word. guests/hello.wat explains what all of this is.
;;
;; 0 GET /runs/do   starts a job, whose result is the answer
;; 1 GET /runs/go   lets the jobs go on that wait
;; 2 GET /runs/who  says which version answers
(module
  (import "snow:host/pending-handles@0.1.0" "create" (func $create (param i32 i32 i32 i32)))
  (import "snow:host/pending-handles@0.1.0" "wait" (func $wait (param i32 i32 i32 i32 i32 i32)))
  (import "snow:host/pending-handles@0.1.0" "set-all"
    (func $set_all (param i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  (import "snow:host/jobs@0.1.0" "start" (func $start (param i32 i32 i32 i32 i32)))
  (memory (export "memory") 1)

  ;; The list of routes, and three of them: { methods: [], pattern }
  (data (i32.const 0) "\08\00\00\00\03\00\00\00")
  (data (i32.const 8) "\00\00\00\00\00\00\00\00\60\00\00\00\08\00\00\00")
  (data (i32.const 24) "\00\00\00\00\00\00\00\00\70\00\00\00\08\00\00\00")
  (data (i32.const 40) "\00\00\00\00\00\00\00\00\80\00\00\00\09\00\00\00")
  (data (i32.const 96) "/runs/do")
  (data (i32.const 112) "/runs/go")
  (data (i32.const 128) "/runs/who")
  ;; The key, the job's name, and the word of this version.
  (data (i32.const 144) "runs")
  (data (i32.const 152) "one")
  ;; respond { status: 200, headers: [], body: the word }
  (data (i32.const 160) "\00\00\00\00\c8\00\00\00\00\00\00\00\00\00\00\00\98\00\00\00\03\00\00\00")
  ;; suspend { handles: the one at 320, until: all, timeout-ms: none, on-timeout: none, resume: false, … }
  (data (i32.const 192) "\01\00\00\00\40\01\00\00\01\00\00\00")
  ;; ok(the word)
  (data (i32.const 288) "\00\00\00\00\98\00\00\00\03\00\00\00")

  (func (export "snow:host/handler@0.1.0#routes") (result i32) (i32.const 0))

  (func (export "snow:host/handler@0.1.0#handle") (param $arguments i32) (result i32)
    (local $route i32)
    (local.set $route (i32.load (local.get $arguments)))
    (if (i32.eqz (local.get $route))
      (then
        ;; start("runs", []): ok(the handle at 340)
        (call $start (i32.const 144) (i32.const 4) (i32.const 0) (i32.const 0) (i32.const 336))
        (if (i32.load8_u (i32.const 336)) (then unreachable))
        (i32.store (i32.const 320) (i32.load (i32.const 340)))
        (return (i32.const 192))))
    (if (i32.eq (local.get $route) (i32.const 1))
      (then
        ;; set-all("runs", value("runs"))
        (call $set_all
          (i32.const 144) (i32.const 4)
          (i32.const 0) (i32.const 144) (i32.const 4) (i32.const 0) (i32.const 0) (i32.const 0)
          (i32.const 352))))
    (i32.const 160))

  ;; run({ id, name, payload, attempt, attempts-max, due-ms })
  (func (export "snow:host/job-runner@0.1.0#run")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i64) (result i32)
    ;; create(some("runs")): ok(the handle at 340)
    (call $create (i32.const 1) (i32.const 144) (i32.const 4) (i32.const 336))
    (i32.store (i32.const 320) (i32.load (i32.const 340)))
    ;; wait([that], all, none)
    (call $wait
      (i32.const 320) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 352))
    (i32.const 288))

  (global $free (mut i32) (i32.const 1024))
  (func (export "cabi_realloc") (param i32 i32 i32) (param $size i32) (result i32)
    (local $at i32)
    ;; Aligned by 8, which is enough for all.
    (local.set $at (global.get $free))
    (global.set $free
      (i32.and (i32.add (i32.add (local.get $at) (local.get $size)) (i32.const 7)) (i32.const -8)))
    (local.get $at)))
