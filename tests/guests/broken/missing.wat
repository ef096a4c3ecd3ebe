;; A core module that does not export handle().
(module
  (memory (export "memory") 1)
  (func (export "snow:host/handler@0.1.0#routes") (result i32) (i32.const 0))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
