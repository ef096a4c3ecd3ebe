;; GET /hello -> 200 text/plain "hello world", with nothing between the host and the machine code.
;;
;; Drop this file into the guests folder: it needs no toolchain. It is also the shortest way to see
;; what the tools of other languages do for you. The contract is wit/snow.wit; the rules by which
;; its types become numbers in memory are the component model's "canonical ABI"
;; (https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md).
;;
;; This is a core module: it knows numbers and one linear memory, no strings and no records. The
;; host puts the component shell around it, which finds its functions by their names:
;;
;;   "INTERFACE#FUNCTION"             an exported function of the world
;;   "cabi_post_INTERFACE#FUNCTION"   optional: called once the host has read the result
;;   "cabi_realloc"                   how the host gets room in our memory for arguments
;;   "memory"                         the memory itself
;;
;; How a type lies in memory (all little-endian, each field aligned to its own size):
;;
;;   string, list<T>   8 bytes: the address of the bytes or elements, and their number
;;   u16               2 bytes
;;   record            its fields in order
;;   variant           1 byte that says which case, then (aligned for the largest case) its payload
(module
  ;; Two pages of 64 KiB: the constants, then room for arguments. A request with a small head and
  ;; body fits, and the instance never asks for more memory, which is most of what a fresh instance
  ;; would cost.
  (memory (export "memory") 2)

  ;; ---- What does not change ---------------------------------------------------------------------

  ;; routes() returns list<route>. A function returns one number at most, so what it returns is the
  ;; address of the result: here, of the list's 8 bytes.
  (data (i32.const 0)
    "\08\00\00\00"      ;;  0  the list's elements are at 8
    "\01\00\00\00")     ;;  4  there is one

  ;; record route { methods: list<string>, pattern: string }
  (data (i32.const 8)
    "\18\00\00\00"      ;;  8  methods: at 24
    "\01\00\00\00"      ;; 12           one
    "\23\00\00\00"      ;; 16  pattern: at 35
    "\06\00\00\00")     ;; 20           6 bytes
  (data (i32.const 24)
    "\20\00\00\00"      ;; 24  the method's text: at 32
    "\03\00\00\00")     ;; 28                     3 bytes
  (data (i32.const 32) "GET" "/hello")

  ;; handle(…) returns variant outcome { respond(response), suspend(suspension) }. The payload
  ;; begins at 4, since a response holds addresses, which are aligned to 4. The variant is as long
  ;; as its longest case, 60 bytes with a suspension; of `respond` the host reads 24.
  (data (i32.const 64)
    "\00\00\00\00"      ;; 64  case 0: respond
    ;; record response { status: u16, headers: list<field>, body: list<u8> }
    "\c8\00\00\00"      ;; 68  status: 200 (2 bytes, and 2 to align the next)
    "\80\00\00\00"      ;; 72  headers: at 128
    "\01\00\00\00"      ;; 76           one
    "\b0\00\00\00"      ;; 80  body: at 176
    "\0b\00\00\00")     ;; 84        11 bytes

  ;; record field { name: string, value: list<u8> }
  (data (i32.const 128)
    "\90\00\00\00"      ;; 128  name: at 144
    "\0c\00\00\00"      ;; 132        12 bytes
    "\a0\00\00\00"      ;; 136  value: at 160
    "\0a\00\00\00")     ;; 140         10 bytes
  (data (i32.const 144) "content-type")
  (data (i32.const 160) "text/plain")
  (data (i32.const 176) "hello world")

  ;; ---- The functions of the world ---------------------------------------------------------------

  (func $routes (export "snow:host/handler@0.1.0#routes") (result i32)
    (i32.const 0))

  ;; handle(route: u32, request: request). A string or a list is two numbers, an optional string
  ;; three: these arguments are 22 numbers. More than 16 are not passed one by one: the host writes
  ;; them into memory as one record (it asks cabi_realloc for the room) and passes its address. Were
  ;; we to read them:
  ;;
  ;;     0 route      4 id     12 client    20 scheme    28 authority    36 method    44 path
  ;;    52 query (1 byte: is there one; 56: the string)  64 params       72 headers   80 body
  ;;
  ;; There is one route and its answer is always the same, so we look at nothing.
  (func $handle (export "snow:host/handler@0.1.0#handle") (param $arguments i32) (result i32)
    (i32.const 64))

  ;; The host has read the answer, and the arguments are ours to forget: the next call starts
  ;; afresh. Without this, an instance that is used for many calls would grow until it may not.
  (func $forget_arguments (export "cabi_post_snow:host/handler@0.1.0#handle") (param $answer i32)
    (global.set $free (global.get $heap)))

  ;; ---- Room for arguments -----------------------------------------------------------------------

  ;; Where room begins: behind the constants.
  (global $heap i32 (i32.const 1024))
  ;; Where free room begins: everything from $heap up to here is given away.
  (global $free (mut i32) (i32.const 1024))

  ;; realloc as in C, with an alignment (a power of two). It only ever moves $free upwards.
  (func $realloc (export "cabi_realloc")
    (param $old i32) (param $old_size i32) (param $align i32) (param $size i32) (result i32)
    (local $new i32) (local $end i32) (local $pages i32)

    ;; $new = $free rounded up to a multiple of $align
    (local.set $new
      (i32.and
        (i32.add (global.get $free) (i32.sub (local.get $align) (i32.const 1)))
        (i32.sub (i32.const 0) (local.get $align))))
    (local.set $end (i32.add (local.get $new) (local.get $size)))
    ;; Beyond 4 GiB the sum starts again at 0.
    (if (i32.lt_u (local.get $end) (local.get $new)) (then unreachable))

    ;; How many pages is that? If there are fewer, ask for the rest. The host may refuse; there is
    ;; nothing better to do then than to stop, and it answers 500 for us.
    (local.set $pages
      (i32.add
        (i32.shr_u (i32.sub (local.get $end) (i32.const 1)) (i32.const 16))
        (i32.const 1)))
    (if (i32.gt_u (local.get $pages) (memory.size))
      (then
        (if (i32.eq
              (memory.grow (i32.sub (local.get $pages) (memory.size)))
              (i32.const -1))
          (then unreachable))))
    (global.set $free (local.get $end))

    ;; What was there before comes along. In a first allocation $old_size is 0, and nothing does.
    (memory.copy
      (local.get $new)
      (local.get $old)
      (select
        (local.get $old_size)
        (local.get $size)
        (i32.lt_u (local.get $old_size) (local.get $size))))
    (local.get $new)))
