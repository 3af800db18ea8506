namespace UnetResnet.Normalization;

/// <summary>
/// How the variance of a batch enters the running variance, for n values per channel. The variance that <em>normalises</em> in training is
/// always the biased one, in every framework.
/// </summary>
public enum VarianceEstimator
{
    /// <summary>Divide by n. Keras 3 (<c>ops.moments</c>).</summary>
    Biased,

    /// <summary>Divide by n − 1 (Bessel). PyTorch; also TensorFlow's fused batch norm, hence Keras up to 2.1.3 on images.</summary>
    Unbiased,

    /// <summary>
    /// Bessel twice: TensorFlow's fused kernel has applied n/(n − 1) already when Keras 2.1.4 to 2.3.1 multiplies by n/(n − 1.001)
    /// (keras commit f51a7ef0; its 1 + ε takes ε = 0.001 for a small guard).
    /// </summary>
    KerasTwiceCorrected,
}
