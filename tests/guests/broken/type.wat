;; A component whose exports have the right names and the wrong types: both functions return a
;; number.
(component
  (core module $module (func (export "f") (result i32) (i32.const 7)))
  (core instance $instance (instantiate $module))
  (func $f (result u32) (canon lift (core func $instance "f")))
  (instance $handler (export "routes" (func $f)) (export "handle" (func $f)))
  (export "snow:host/handler@0.1.0" (instance $handler)))
