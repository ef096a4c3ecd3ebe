;; A component that wants an environment. Guests get none.
(component
  (import "wasi:cli/environment@0.2.0" (instance $environment
    (export "get-arguments" (func (result (list string)))))))
