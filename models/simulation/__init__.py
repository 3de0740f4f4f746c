"""The one source of simulated truth: a procedural thorax (`thorax`) and a simulated reader's eye (`reader`)."""
