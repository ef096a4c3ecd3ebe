;; A component that imports the environment, which guests do not have.
(component
  (import "wasi:cli/environment@0.2.0" (instance $environment
    (export "get-arguments" (func (result (list string)))))))
